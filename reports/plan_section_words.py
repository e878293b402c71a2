"""The texts of a plan's sections, in English and German: tables, charts, origin. Data.

A word that a section asks for is here in both languages, with the same places
(`tests/reports/test_plan_languages.py` holds it). The words of page one are in
`reports.plan_words`, the planner's own sentences in `reports.plan_sentences`.
"""

WORDS: dict[str, tuple[str, str]] = {
    # Shared by sections.
    "and": ("and", "und"),
    "month": ("month", "Monat"),
    "nodes": ("nodes", "Server"),
    "no node": ("no node", "kein Server"),
    "participants": ("participants", "Personen"),
    "at once": ("participants at once", "Personen zugleich"),
    "interval": ("interval", "Intervall"),
    "80, head": ("80 % interval", "80 % zwischen"),
    "no interval": ("no interval", "kein Intervall"),
    "80": ("80 % interval", "80-%-Intervall"),
    "without end": ("without end", "ohne Ende"),
    "held by contract": ("held", "vorhanden"),
    "over 20 years": ("over 20 years", "mehr als 20 Jahre"),
    "months of money": ("months", "Monate"),
    "source": ("source", "Quelle"),
    "quoted": ("{count} × “{type}”", "{count} × „{type}“"),
    # Titles.
    "title": (
        "Servers and money, {first} to {last}",
        "Server und Geld, {first} bis {last}",
    ),
    "Nodes that serve": ("Nodes that serve", "Server im Einsatz"),
    "Demand": ("Demand", "Nachfrage"),
    "Nodes and traffic": ("Nodes and traffic", "Server und Datenverkehr"),
    "Money": ("Money", "Geld"),
    "Shocks": ("Shocks, beside the forecast", "Schocks, neben der Prognose"),
    "Backtest": (
        "How well the forecast would have done",
        "Wie gut die Prognose gewesen wäre",
    ),
    "Assumptions": (
        "Assumptions and their sources",
        "Annahmen und ihre Quellen",
    ),
    # Notices.
    "stated": (
        "There is no history: the demand of this plan is what somebody stated, not "
        "measured.",
        "Es gibt keinen Verlauf: die Nachfrage dieses Plans hat jemand angegeben, "
        "nicht gemessen.",
    ),
    "stated, short": ("stated demand", "angegebene Nachfrage"),
    "modelled": (
        "The history behind this plan is modelled from published figures, not "
        "measured.",
        "Der Verlauf hinter diesem Plan ist aus veröffentlichten Zahlen modelliert, "
        "nicht gemessen.",
    ),
    "modelled, short": ("modelled history", "modellierter Verlauf"),
    "stand-in": (
        "These figures come from bbbload's own stand-in node, a small server for "
        "trials. They show that the tool works and say nothing about BigBlueButton.",
        "Diese Zahlen kommen von bbbloads eigenem Ersatzserver, einem kleinen Server "
        "zum Ausprobieren. Sie zeigen, dass das Werkzeug arbeitet, und sagen nichts "
        "über BigBlueButton.",
    ),
    "stand-in, short": (
        "stand-in node, not BigBlueButton",
        "Ersatzserver, nicht BigBlueButton",
    ),
    # What to do next.
    "find income": (
        "Find income: in the worse case of the interval the money ends in less than a "
        "year.",
        "Einnahmen finden: im schlechteren Fall des Intervalls ist das Geld in weniger "
        "als einem Jahr zu Ende.",
    ),
    "benchmark": (
        "Benchmark one node of the type you order (bbbload benchmark NAME): its "
        "capacity comes from the catalogue and was not measured.",
        "Einen Server des bestellten Typs messen (bbbload benchmark NAME): was er "
        "trägt, steht im Katalog und wurde nicht gemessen.",
    ),
    "check": (
        "Check the assumption “{name}”: {value}.",
        "Die Annahme „{name}“ prüfen: {value}.",
    ),
    # Nodes that serve, and what they carry.
    "from": ("from", "ab"),
    "serving, note": (
        "{rule} Between these months nothing changes. What is held already counts as a "
        "node here; what to order and cancel for it, and until when, stands above.",
        "{rule} Zwischen diesen Monaten ändert sich nichts. Was schon da ist, zählt "
        "hier mit; was dafür bis wann zu bestellen und zu kündigen ist, steht oben.",
    ),
    "capacity": (
        "Capacity that a node is planned with",
        "Was ein Server laut Plan trägt",
    ),
    "type": ("type", "Typ"),
    "mix of meetings": ("mix of meetings", "Art der Konferenzen"),
    "slo": ("SLO", "SLO"),
    "origin": ("from", "Herkunft"),
    "no mix": ("not told by the source", "in der Quelle nicht genannt"),
    "no slo": ("none: a figure from elsewhere", "keines: eine fremde Zahl"),
    "the catalogue": ("the catalogue", "Katalog"),
    # Month by month.
    "month by month": ("Month by month", "Monat für Monat"),
    "peak, median": ("peak, median", "Spitze, Median"),
    "peak .95": ("peak .95", "Spitze 0,95"),
    "cost": ("cost", "Kosten"),
    "traffic out": ("traffic out", "Datenverkehr hinaus"),
    "balance": ("balance", "Kontostand"),
    "months, note": (
        "All months together: {total}, {interval}. The cost interval lets nodes follow "
        "demand as it turns out.",
        "Alle Monate zusammen: {total}, {interval}. Im Kostenintervall folgen die "
        "Server der Nachfrage, wie sie sich ergibt.",
    ),
    "months, ordered": (
        "So does the balance; paid as ordered in every month it ends at {left}, and "
        "the money lasts {runway}.",
        "Ebenso der Kontostand; wird jeden Monat wie bestellt bezahlt, steht er am "
        "Ende bei {left}, und das Geld reicht {runway}.",
    ),
    "buying": (
        "Cheapest set of nodes by {method}: {total} for nodes and set-up; no plan that "
        "holds is cheaper than {bound} (gap {gap}).",
        "Billigste Server, gefunden durch {method}: {total} für Server und "
        "Einrichtung; kein Plan, der hält, ist billiger als {bound} (Abstand {gap}).",
    ),
    # Shocks.
    "shock": ("What a sudden rise would take", "Was ein plötzlicher Anstieg kostet"),
    "demand": ("demand", "Nachfrage"),
    "in": ("in", "im"),
    "more": ("more", "mehr"),
    "that month": ("that month", "in dem Monat"),
    "later": ("later", "später"),
    "runway": ("runway", "Geld reicht"),
    "shock, note": (
        "No history foresees a lockdown: a shock stands beside the forecast and is "
        "never averaged into it. The cost of that month includes set-up and what is "
        "bought.",
        "Kein Verlauf sieht einen Lockdown voraus: ein Schock steht neben der Prognose "
        "und wird nie hineingemittelt. Die Kosten in dem Monat enthalten die "
        "Einrichtung und was gekauft wird.",
    ),
    # Backtest.
    "backtest, intro": (
        "{reason} Horizon: {weeks} weeks; used: {used}.",
        "{reason} Horizont: {weeks} Wochen; benutzt: {used}.",
    ),
    "no backtest": (
        "The history is too short for a backtest.",
        "Der Verlauf ist zu kurz für einen Rückvergleich.",
    ),
    "forecaster": ("forecaster", "Verfahren"),
    "origins": ("origins", "Startpunkte"),
    "used": ("{name} (used)", "{name} (benutzt)"),
    "losses": (
        "Pinball loss by quantile, smaller is better",
        "Pinball-Verlust je Quantil, kleiner ist besser",
    ),
    "losses, note": (
        "In units of the median weekly peak of the 26 weeks before.",
        "In Einheiten der mittleren Wochenspitze (Median) der 26 Wochen davor.",
    ),
    "shares": (
        "Share of true peaks at or under the forecast quantile",
        "Anteil der wahren Spitzen bis zum vorhergesagten Quantil",
    ),
    "shares, note": (
        "Best is the quantile itself: 90 % under the 0.9 column.",
        "Am besten ist das Quantil selbst: 90 % in der Spalte 0,9.",
    ),
    "coarse": (
        " The history's values are {step} apart, so short peaks are missing from it.",
        " Die Werte des Verlaufs liegen {step} auseinander, kurze Spitzen fehlen "
        "darin also.",
    ),
    # Assumptions.
    "assumption": ("assumption", "Annahme"),
    "value": ("value", "Wert"),
    "why": ("why", "warum"),
    # The stand-in node.
    "meetings of": (
        "meetings of {size} with {cameras}",
        "Konferenzen mit {size} Personen und {cameras}",
    ),
    "no camera": ("no camera", "keiner Kamera"),
    "a camera": ("1 camera", "1 Kamera"),
    "cameras": ("{count} cameras", "{count} Kameras"),
    "held": ("the SLO held at the highest load", "das SLO hielt bei höchster Last"),
    "at least": ("at least {count}", "mindestens {count}"),
    "no capacity": ("no capacity", "kein Ergebnis"),
    "run": (
        "Run {run}, SLO {slo}: no part of this plan",
        "Lauf {run}, SLO {slo}: kein Teil dieses Plans",
    ),
    "profile": ("profile", "Profil"),
    "mix": ("mix", "Konferenzen"),
    "broke first": ("broke first", "gab zuerst nach"),
    # Charts.
    "demand, title": (
        "Weekly peak of participants: past and forecast",
        "Wochenspitze der Personen: Vergangenheit und Prognose",
    ),
    "week": ("week", "Woche"),
    "90 to 99": ("90 to 99 of 100 peaks", "90 bis 99 von 100 Spitzen"),
    "past": ("past", "Vergangenheit"),
    "past, modelled": ("past, modelled", "Vergangenheit, modelliert"),
    "forecast, median": ("forecast, median", "Prognose, Median"),
    "peaks, title": (
        "Monthly peak and what the plan makes room for",
        "Monatsspitze und wofür der Plan Platz hat",
    ),
    "room": ("room, one node down", "Platz, ein Server ausgefallen"),
    "peak": ("peak: median, 80 % interval", "Spitze: Median, 80-%-Intervall"),
    "nodes, title": ("Nodes by month", "Server je Monat"),
    "spare": ("With the spare: {rule}.", "Mit der Reserve: {rule}."),
    "cost, title": ("Monthly cost", "Kosten je Monat"),
    "fixed costs": ("fixed costs", "feste Kosten"),
    "set-up": ("set-up", "Einrichtung"),
    "bought": ("nodes bought", "gekaufte Server"),
    "traffic": ("traffic", "Datenverkehr"),
    "bill": ("whole bill, 80 % interval", "ganze Rechnung, 80-%-Intervall"),
    "balance, title": (
        "Money left at the end of each month",
        "Geld am Ende jedes Monats",
    ),
    "most likely": ("most likely", "am wahrscheinlichsten"),
    "reserve": ("reserve: {money}", "Reserve: {money}"),
    "traffic, title": (
        "Traffic out of the nodes by month",
        "Datenverkehr aus den Servern je Monat",
    ),
    "out": ("out", "hinaus"),
    "into": ("in", "hinein"),
    # Where this comes from.
    "input": ("input", "Datei"),
    "history": ("history", "Verlauf"),
    "history, modelled": ("{history} (modelled)", "{history} (modelliert)"),
    "demand, stated": ("{demand} (stated)", "{demand} (angegeben)"),
    "catalogue": ("catalogue", "Katalog"),
    "prices of": ("{catalog}, prices of {day}", "{catalog}, Preise vom {day}"),
    "budget": ("budget", "Budget"),
    "made on": ("made on", "erstellt am"),
    "seed": ("seed", "Startwert"),
    "tool": ("bbbload", "bbbload"),
    "risk": ("risk", "Risiko"),
    "risk, told": (
        "{risk} on a peak morning, one node down",
        "{risk} an einem Spitzenmorgen, ein Server ausgefallen",
    ),
    "validity": ("validity", "Gültigkeit"),
}
"""Every text of the sections, (English, German)."""
