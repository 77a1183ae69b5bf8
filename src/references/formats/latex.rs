//! LaTeX in BibTeX fields that the `biblatex` crate leaves as it is: formulas. And the other way: text escaped for a
//! BibTeX file.

/// Commands of formulas and what they stand for.
const SIGNS: &[(&str, &str)] = &[
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("phi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Omega", "Ω"),
    ("Sigma", "Σ"),
    ("pm", "±"),
    ("times", "×"),
    ("cdot", "·"),
    ("le", "≤"),
    ("leq", "≤"),
    ("ge", "≥"),
    ("geq", "≥"),
    ("approx", "≈"),
    ("sim", "~"),
    ("to", "→"),
    ("rightarrow", "→"),
    ("infty", "∞"),
    ("circ", "°"),
];

/// A formula as plain text: signs for commands, no braces, no `_` and `^`.
pub(super) fn formula(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                let mut command = String::new();
                while let Some(letter) = chars.next_if(char::is_ascii_alphabetic) {
                    command.push(letter);
                }
                let sign = SIGNS.iter().find(|(name, _)| *name == command);
                if let Some((_, sign)) = sign {
                    out.push_str(sign);
                    let _ = chars.next_if_eq(&' ');
                } else if command.is_empty() {
                    out.extend(chars.next_if(|next| "%&#$_{}".contains(*next)));
                }
            }
            '{' | '}' | '_' | '^' | '$' => {}
            other => out.push(other),
        }
    }
    out
}

/// Text as it stands in a braced field of a BibTeX file.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' | '%' | '$' | '#' | '_' => out.extend(['\\', char]),
            '{' => out.push_str("\\{"),
            '}' => out.push_str("\\}"),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            // A person would read these three as a dash.
            '–' => out.push_str("--"),
            '—' => out.push_str("---"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_plain_text() {
        for (text, plain) in [
            (r"\alpha", "α"),
            (r"\beta_{2}", "β2"),
            (r"CO_2", "CO2"),
            (r"p \leq 0.05", "p ≤0.05"),
            (r"5\%", "5%"),
            (r"\unknown{x}", "x"),
            (r"\", ""),
        ] {
            assert_eq!(formula(text), plain, "{text}");
        }
        assert_eq!(escaped(r"R&D at 5% {x} a\b"), r"R\&D at 5\% \{x\} a\textbackslash{}b");
    }
}
