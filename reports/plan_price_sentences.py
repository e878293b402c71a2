"""What the planner says of prices, in English and German. Data.

Places are written as in `reports.plan_sentences`.
"""

PRICE_SENTENCES: tuple[tuple[str, str], ...] = (
    (
        "the prices in {source} are {n} days old ({day}): check them before ordering "
        "(warned past {limit} days)",
        "die Preise in {source} sind {n} Tage alt ({day}): vor dem Bestellen prüfen "
        "(gewarnt wird ab {limit} Tagen)",
    ),
    ("price of {own_type}", "Preis von {own_type}"),
    ("{money} EUR a month", "{money} EUR im Monat"),
    ("VAT", "Umsatzsteuer"),
    ("as the prices have it", "wie in den Preisen"),
    ("left out of the prices", "aus den Preisen weggelassen"),
    ("{share} added to the prices", "{share} auf die Preise aufgeschlagen"),
    (
        "the catalogue's prices include it, or name none",
        "die Preise des Katalogs enthalten sie oder nennen keine",
    ),
    (
        "the catalogue says that it comes back",
        "laut Katalog kommt sie zurück",
    ),
    (
        "the catalogue's prices are without it",
        "die Preise des Katalogs sind ohne sie",
    ),
    ("exchange rate", "Wechselkurs"),
    ("1 {currency} = {rate} {other}", "1 {currency} = {rate} {other}"),
    (
        "the catalogue's prices are in {currency}",
        "die Preise des Katalogs sind in {currency}",
    ),
)
