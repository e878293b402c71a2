"""The texts of the treasurer's page, in English and German. Data.

A word that the page asks for is here in both languages, with the same places for
numbers (`tests/reports/test_plan_page.py` holds it).
"""

WORDS: dict[str, tuple[str, str]] = {
    "balance": ("from {value} down to {reserve}", "von {value} bis auf {reserve}"),
    "as_ordered": (
        "{span}; {value} if each bill is as ordered",
        "{span}; {value}, wenn jede Rechnung wie bestellt kommt",
    ),
    "one_room": (
        "one meeting never spreads over two nodes",
        "eine Konferenz verteilt sich nie auf zwei Server",
    ),
    "asked": (
        "What has to be ordered and cancelled by when, what does it cost, and how long "
        "does the money last?",
        "Was ist bis wann zu bestellen und zu kündigen, was kostet es, und wie lange "
        "reicht das Geld?",
    ),
    "orders": ("Order and cancel", "Bestellen und kündigen"),
    "by": ("at the latest on", "spätestens am"),
    "what": ("what", "was"),
    "for": ("takes effect in", "wirksam ab"),
    "why": ("why then", "warum dann"),
    "order": ("order {count} × {type}", "{count} × {type} bestellen"),
    "cancel": ("cancel {count} × {type}", "{count} × {type} kündigen"),
    "late": (" – already late", " – schon überfällig"),
    "nothing": ("nothing changes", "nichts ändert sich"),
    "cost": ("A month costs", "Ein Monat kostet"),
    "likely": (
        "likely {low} to {high} (80 %) as nodes follow demand",
        "wahrscheinlich {low} bis {high} (80 %), wenn die Server der Nachfrage folgen",
    ),
    "runway": ("The money lasts", "Das Geld reicht"),
    "meeting": ("Largest meeting", "Größte Konferenz"),
    "people": ("{value} people", "{value} Personen"),
    "bad": ("A bad month", "Ein schlechter Monat"),
    "bad_for": (
        "with one chance in ten it is dearer; in {month}",
        "mit Wahrscheinlichkeit 1 zu 10 teurer; im {month}",
    ),
    "shock": ("If {factor} times as many come", "Wenn {factor}-mal so viele kommen"),
    "shock_for": (
        "{more} more nodes from {month}, the money lasts {value}",
        "{more} Server mehr ab {month}, das Geld reicht {value}",
    ),
    "prices": ("Prices of", "Preise vom"),
    "assumptions": (
        "The three assumptions that move the bill most",
        "Die drei Annahmen, die die Rechnung am stärksten bewegen",
    ),
    "assumption": ("assumption", "Annahme"),
    "low": ("bill at its low end", "Rechnung am unteren Ende"),
    "high": ("bill at its high end", "Rechnung am oberen Ende"),
    "rank": ("rank correlation", "Rangkorrelation"),
    "moves": (
        "{why}: {low} at the low end of what is thought possible, {high} at the high "
        "end.",
        "{why}: {low} am unteren Ende des Denkbaren, {high} am oberen.",
    ),
    "more demand": (
        "The more people come at once, the dearer the nodes",
        "Je mehr Menschen zugleich kommen, desto teurer die Server",
    ),
    "more capacity of a node": (
        "The more a node carries, the fewer are needed",
        "Je mehr ein Server trägt, desto weniger sind nötig",
    ),
    "more largest meeting": (
        "The larger the largest meeting, the emptier nodes must stay",
        "Je größer die größte Konferenz, desto leerer müssen die Server bleiben",
    ),
    "more prices": (
        "Prices a tenth lower or higher than in the catalogue",
        "Preise um ein Zehntel niedriger oder höher als im Katalog",
    ),
    "more fixed costs": (
        "What is paid besides the nodes",
        "Was neben den Servern bezahlt wird",
    ),
    "alternatives": ("Plans to choose from", "Pläne zur Auswahl"),
    "plan": ("plan", "Plan"),
    "total": ("nodes, all months", "Server, alle Monate"),
    "changes": ("months with changes", "Monate mit Änderungen"),
    "risk": ("overload risk", "Überlastungsrisiko"),
    "certainty": ("What certainty costs", "Was Sicherheit kostet"),
    "confidence": ("confidence", "Sicherheit"),
    "most": ("nodes in the fullest month", "Server im vollsten Monat"),
    "why_nodes": ("Why this many nodes", "Warum so viele Server"),
    "cheapest": ("cheapest", "am billigsten"),
    "calmest": ("calmest", "am ruhigsten"),
    "fewest changes": ("fewest changes", "wenigste Änderungen"),
    "demand": ("demand", "Nachfrage"),
    "capacity of a node": ("capacity of a node", "was ein Server trägt"),
    "largest meeting": ("largest meeting", "größte Konferenz"),
    "prices of servers": ("prices", "Preise"),
    "fixed costs": ("fixed costs", "feste Kosten"),
    "holds": (
        "The plan holds: with any one node down, the chance of an overload on a "
        "month's peak morning is at most {risk}; {asked} were asked.",
        "Der Plan hält: auch wenn ein beliebiger Server ausfällt, ist die "
        "Wahrscheinlichkeit einer Überlastung am vollsten Morgen eines Monats "
        "höchstens {risk}; verlangt waren {asked}.",
    ),
    "fails": (
        "The plan does not hold: the chance of an overload is {risk}, asked were "
        "{asked}.",
        "Der Plan hält nicht: die Wahrscheinlichkeit einer Überlastung ist {risk}, "
        "verlangt waren {asked}.",
    ),
    "disk": ("Disk for recordings", "Platten für Aufzeichnungen"),
    "co2": ("CO2 of the nodes, all months", "CO2 der Server, alle Monate"),
}
"""Every text of the page, (English, German)."""

MONTHS_DE = (
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
).split()
