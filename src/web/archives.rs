//! Archives by date: what was published in a year or a month, in the site's time zone.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, NaiveDate, TimeZone, Utc};

use crate::app::App;
use crate::articles::index::{self, Of};
use crate::db::Conn;
use crate::settings::Settings;
use crate::urls;
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::lists::{self, Named};
use crate::web::page::NavLink;
use crate::web::shell;

/// What years and months are parts of.
pub(crate) const PARTS_OF: &str = "the archive";

/// Years that have a page, newest first.
pub(crate) async fn years(conn: &mut Conn, settings: &Settings) -> Result<Vec<NavLink>, AppError> {
    let mut years: Vec<i32> = months(conn, settings).await?.into_iter().map(|(year, _)| year).collect();
    years.dedup();
    let link = |year: i32| NavLink { label: year.to_string(), href: urls::year(year), current: false };
    Ok(years.into_iter().map(link).collect())
}

async fn months(conn: &mut Conn, settings: &Settings) -> Result<Vec<(i32, u32)>, AppError> {
    Ok(index::months(conn, shell::zone(settings).name()).await?)
}

/// The months of a year that have a page, the present one marked.
fn of_year(months: &[(i32, u32)], year: i32, present: Option<u32>) -> Vec<NavLink> {
    let of_year = months.iter().filter(|(known, _)| *known == year).rev();
    let link = |(_, month): &(i32, u32)| NavLink {
        label: first_day(year, *month).map(|day| day.format("%B").to_string()).unwrap_or_default(),
        href: urls::month(year, *month),
        current: present == Some(*month),
    };
    of_year.map(link).collect()
}

fn first_day(year: i32, month: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)
}

/// The beginning of a month where the site is.
fn begins(settings: &Settings, year: i32, month: u32) -> Option<DateTime<Utc>> {
    let midnight = first_day(year, month)?.and_hms_opt(0, 0, 0)?;
    let local = shell::zone(settings).from_local_datetime(&midnight);
    // Where the clock jumps over midnight, the month begins with the jump.
    let local = local
        .earliest()
        .or_else(|| shell::zone(settings).from_local_datetime(&(midnight + chrono::TimeDelta::hours(1))).earliest())?;
    Some(local.with_timezone(&Utc))
}

/// A number written in so many digits, as our own addresses write it.
fn number<N: std::str::FromStr>(request: &HttpRequest, name: &str, digits: usize) -> Result<N, AppError> {
    let text: String = path::segment(request, name)?;
    let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or(AppError::NotFound)
}

/// `/latest/{year}`
pub async fn year(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let year: i32 = number(&request, "year", 4)?;
    lists::named_list(&app, &request, urls::year(year), async |conn, settings| {
        let months = of_year(&months(conn, settings).await?, year, None);
        let span = begins(settings, year, 1).zip(begins(settings, year + 1, 1)).filter(|_| !months.is_empty());
        let (from, to) = span.ok_or(AppError::NotFound)?;
        let parent = Some(("All articles".to_owned(), urls::latest()));
        Ok(Named { parent, parts: months, ..Named::of("", Of::Between(from, to), year.to_string()) })
    })
    .await
}

/// `/latest/{year}/{month}`
pub async fn month(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let (year, month): (i32, u32) = (number(&request, "year", 4)?, number(&request, "month", 2)?);
    let day = first_day(year, month).ok_or(AppError::NotFound)?;
    lists::named_list(&app, &request, urls::month(year, month), async |conn, settings| {
        let months = of_year(&months(conn, settings).await?, year, Some(month));
        let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let is_there = months.iter().any(|link| link.current);
        let span = begins(settings, year, month).zip(begins(settings, next.0, next.1)).filter(|_| is_there);
        let (from, to) = span.ok_or(AppError::NotFound)?;
        let parent = Some((year.to_string(), urls::year(year)));
        let name = day.format("%B %Y").to_string();
        Ok(Named { parent, parts: months, ..Named::of("", Of::Between(from, to), name) })
    })
    .await
}
