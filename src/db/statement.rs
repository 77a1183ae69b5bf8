//! Statements written out, for the few hot paths that take lists: Diesel prepares those anew each time, because
//! their text changes with the number of values.

/// Declares a statement whose text never changes: it is parsed and planned once a connection, whatever its values.
///
/// Each value stands behind the text before it, in the order of its `$n`; text that follows may name the number
/// again. Lists go in as arrays (`unnest($1, $2)`). Run it with `load::<Row>(conn)`, where `Row` is made from the
/// types behind the arrow.
///
/// ```text
/// use diesel::sql_types::{Array, BigInt};
/// stet::statement! {
///     /// The doubles of some numbers.
///     pub struct Doubles<'a> -> BigInt {
///         "select n * 2 from unnest(" numbers: Array<BigInt> = &'a [i64],
///     } ") as given(n)"
/// }
/// ```
#[macro_export]
macro_rules! statement {
    (
        $(#[$doc:meta])*
        $visible:vis struct $name:ident<$life:lifetime> -> $row:ty {
            $($before:literal $field:ident: $sql:ty = $rust:ty),+ $(,)?
        } $after:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        $visible struct $name<$life> {
            $(
                #[doc = "A value of the statement."]
                $visible $field: $rust,
            )+
        }

        impl<$life> ::diesel::query_builder::QueryId for $name<$life> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl<$life> ::diesel::query_builder::Query for $name<$life> {
            type SqlType = $row;
        }

        impl<$life> ::diesel::query_builder::QueryFragment<::diesel::pg::Pg> for $name<$life> {
            fn walk_ast<'b>(
                &'b self,
                mut out: ::diesel::query_builder::AstPass<'_, 'b, ::diesel::pg::Pg>,
            ) -> ::diesel::QueryResult<()> {
                $(
                    out.push_sql($before);
                    out.push_bind_param::<$sql, _>(&self.$field)?;
                )+
                out.push_sql($after);
                Ok(())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::{Array, BigInt};

    crate::statement! {
        /// The doubles of some numbers.
        struct Doubles<'a> -> BigInt {
            "select n * 2 from unnest(" numbers: Array<BigInt> = &'a [i64],
        } ") as given(n)"
    }

    #[test]
    fn the_text_stands_as_written_and_the_values_are_bound() {
        let doubles = Doubles { numbers: &[1, 2] };
        assert_eq!(
            diesel::debug_query::<diesel::pg::Pg, _>(&doubles).to_string(),
            "select n * 2 from unnest($1) as given(n) -- binds: [[1, 2]]",
        );
    }
}
