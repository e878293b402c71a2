"""The planner's own English sentences and their German ones. Data.

A place in braces stands for what changes: `month` and `day` are written as dates,
`figures` and `filled` are lists of numbers, a place that begins with `own` quotes the
user at any length, and a number gets German marks. What matches no line here is the
user's own text, or a sentence that nobody translated yet, and stays as it is.
"""

SENTENCES: tuple[tuple[str, str], ...] = (
    # Orders.
    ("1 days until it serves", "1 Tag Lieferzeit"),
    ("1 days of notice", "1 Tag Kündigungsfrist"),
    ("{n} days until it serves", "{n} Tage Lieferzeit"),
    ("{n} days of notice", "{n} Tage Kündigungsfrist"),
    (
        "no lead time or notice in the catalogue",
        "keine Liefer- oder Kündigungsfrist im Katalog",
    ),
    (
        "switched on and off by the hour, nothing to order",
        "stundenweise an- und abgeschaltet, nichts zu bestellen",
    ),
    # Why this many nodes.
    (
        "{month}: the peak is {middle} in the middle and {high} at the asked "
        "confidence",
        "{month}: die Spitze liegt in der Mitte bei {middle} und bei der verlangten "
        "Sicherheit bei {high}",
    ),
    (
        "{n} nodes carry {all} as stated, {each} each; one of them is the spare "
        "({spare}), since any one may fail",
        "{n} Server tragen laut Angabe {all}, also je {each}; einer davon ist die "
        "Reserve ({spare}), da jeder ausfallen kann",
    ),
    (
        "meetings of up to {n} cannot move: a node of {type} is filled to {share} of "
        "what it carries",
        "Konferenzen mit bis zu {n} Personen können nicht umziehen: ein Server vom Typ "
        "{type} wird zu {share} dessen gefüllt, was er trägt",
    ),
    (
        "what a node carries is uncertain by {low} to {high}; peak, capacity and "
        "placement are drawn together, not stacked as three worst cases",
        "was ein Server trägt, ist unsicher: {low} bis {high}; Spitze, Kapazität und "
        "Verteilung werden gemeinsam gezogen, nicht als drei schlimmste Fälle "
        "aufeinandergesetzt",
    ),
    (
        "so the chance of an overload with a node down is {risk}, where {asked} was "
        "asked",
        "damit ist die Wahrscheinlichkeit einer Überlastung bei einem ausgefallenen "
        "Server {risk}; verlangt waren {asked}",
    ),
    # Nodes, forecast and backtest.
    (
        "every month carries its peak at the plan's risk with the node missing whose "
        "loss costs most",
        "jeder Monat trägt seine Spitze zum Risiko des Plans auch ohne den Server, "
        "dessen Ausfall am meisten kostet",
    ),
    (
        "simulated weekly paths, each week after its own quantiles, errors of weeks "
        "tied together as in the backtest; a month's peak is the maximum over the "
        "weeks whose Thursday lies in it, and its quantiles are those of that maximum",
        "simulierte Wochenverläufe, jede Woche nach ihren eigenen Quantilen, die "
        "Fehler der Wochen verbunden wie im Rückvergleich; die Spitze eines Monats ist "
        "das Maximum der Wochen, deren Donnerstag in ihm liegt, und ihre Quantile sind "
        "die dieses Maximums",
    ),
    (
        "over {n} origins of this history losses at {filled} were, as shares of the "
        "rule's: {figures}",
        "an {n} Startpunkten dieses Verlaufs waren die Verluste bei {filled}, als "
        "Anteile der Faustregel: {figures}",
    ),
    (
        "each quantile is that of the best one: {figures}",
        "jedes Quantil kommt vom jeweils besten Verfahren: {figures}",
    ),
    (
        "the history allows {n} backtest origins, fewer than {fewest}: nothing shows "
        "that the model is better than the rule",
        "der Verlauf erlaubt {n} Startpunkte im Rückvergleich, weniger als {fewest}: "
        "nichts zeigt, dass das Modell besser ist als die Faustregel",
    ),
    ("{source} told of nothing", "{source} nannte nichts"),
    ("{source} told of {own_names}", "{source} nannte: {own_names}"),
    (
        "there is no history; {source} states the demand ({own_why}), and its "
        "intervals are those of statements, not of measurements",
        "es gibt keinen Verlauf; {source} gibt die Nachfrage an ({own_why}), und ihre "
        "Intervalle sind die von Angaben, nicht von Messungen",
    ),
    (
        "the stated peak is a month's; what is wrong about it is wrong in every week",
        "die angegebene Spitze gilt für einen Monat; was an ihr falsch ist, ist in "
        "jeder Woche falsch",
    ),
    # Warnings.
    (
        "the demand is stated in {source} and nobody measured it: collect a history "
        "from the first day on and plan again after a month",
        "die Nachfrage steht in {source}, niemand hat sie gemessen: vom ersten Tag an "
        "einen Verlauf sammeln und nach einem Monat neu planen",
    ),
    (
        "the plan begins in {month}, which is past: {source} ends before it, and a "
        "newer history would tell what has come since",
        "der Plan beginnt im {month}, der vorbei ist: {source} endet davor, und ein "
        "neuerer Verlauf würde sagen, was seitdem kam",
    ),
    (
        "only {n} weeks of history: the width of the forecast rests mostly on assumed "
        "errors of other services",
        "nur {n} Wochen Verlauf: die Breite der Prognose beruht vor allem auf "
        "angenommenen Fehlern anderer Dienste",
    ),
    (
        "less than a year of history: nothing is known of the seasons, such as "
        "holidays and terms",
        "weniger als ein Jahr Verlauf: über Jahreszeiten wie Ferien und Semester ist "
        "nichts bekannt",
    ),
    (
        "{n} of {all} weeks are gaps in the history",
        "{n} von {all} Wochen fehlen im Verlauf",
    ),
    (
        "the history is too short for a backtest",
        "der Verlauf ist zu kurz für einen Rückvergleich",
    ),
    (
        "the last week lay above what the forecast before it called its .99 quantile: "
        "the level may have shifted, look at the shock scenarios",
        "die letzte Woche lag über dem 0,99-Quantil der Prognose davor: das Niveau "
        "kann sich verschoben haben, siehe die Schocks",
    ),
    (
        "the balance of {day} is 1 month older than the plan: the months between are "
        "taken to cost what its first month does",
        "der Kontostand vom {day} ist 1 Monat älter als der Plan: für die Zeit "
        "dazwischen werden die Kosten des ersten Monats angenommen",
    ),
    (
        "the balance of {day} is {n} months older than the plan: the months between "
        "are taken to cost what its first month does",
        "der Kontostand vom {day} ist {n} Monate älter als der Plan: für die Monate "
        "dazwischen werden die Kosten des ersten Monats angenommen",
    ),
    (
        "the balance of {day} is younger than the history: planned months before it "
        "are taken to be in it",
        "der Kontostand vom {day} ist jünger als der Verlauf: geplante Monate davor "
        "gelten als in ihm enthalten",
    ),
    (
        "peaks come from values every {n} minutes: what lies between them is not seen",
        "die Spitzen kommen aus Werten alle {n} Minuten: was dazwischen liegt, bleibt "
        "ungesehen",
    ),
    (
        "{n} samples of {source} were duplicates: the larger value was kept",
        "{n} Werte in {source} waren doppelt: der größere wurde behalten",
    ),
    (
        "limits refused {n} joins in {source}: demand was higher than who was present; "
        "refused joins count as demand up to half of those present",
        "Grenzen haben in {source} {n} Beitritte abgewiesen: die Nachfrage war größer "
        "als die Zahl der Anwesenden; Abgewiesene zählen bis zur Hälfte der Anwesenden "
        "als Nachfrage",
    ),
    (
        "{source} has 1 gap, the longest of {hours} hours from {start}",
        "{source} hat 1 Lücke von {hours} Stunden ab {start}",
    ),
    (
        "{source} has {n} gaps, the longest of {hours} hours from {start}",
        "{source} hat {n} Lücken, die längste von {hours} Stunden ab {start}",
    ),
    (
        "{type} cannot hold the largest meeting of {n} and is left out",
        "{type} fasst die größte Konferenz mit {n} Personen nicht und bleibt außen vor",
    ),
    (
        "{type} has no capacity and is left out",
        "{type} hat keine Angabe, was er trägt, und bleibt außen vor",
    ),
    (
        "at the low end of its capacity ({low}) {type} cannot hold the largest meeting "
        "of {n}",
        "am unteren Ende dessen, was er trägt ({low}), fasst {type} die größte "
        "Konferenz mit {n} Personen nicht",
    ),
    (
        "the largest meeting to plan for ({n}) is above every peak of the history",
        "die größte geplante Konferenz ({n}) liegt über jeder Spitze des Verlaufs",
    ),
    (
        "on {share} of simulated peak mornings of {peak} some node gets more than "
        "{rate} joins a second in its busiest minute: more or smaller nodes, or "
        "lessons that do not all begin at once",
        "an {share} der simulierten Spitzenmorgen mit {peak} Personen bekommt ein "
        "Server in seiner vollsten Minute mehr als {rate} Beitritte je Sekunde: mehr "
        "oder kleinere Server, oder Stunden, die nicht alle zugleich beginnen",
    ),
    (
        "school holidays of {country} are known until {day} only: weeks after it count "
        "as school weeks",
        "Schulferien von {country} sind nur bis {day} bekannt: spätere Wochen zählen "
        "als Schulwochen",
    ),
    (
        "{source} names no state of {country}: school holidays differ by state and are "
        "not used",
        "{source} nennt kein Bundesland von {country}: Schulferien sind je Land "
        "verschieden und werden nicht benutzt",
    ),
    (
        "{source} knows terms until {day} only: weeks after it count as free of "
        "lectures",
        "{source} kennt Semester nur bis {day}: spätere Wochen zählen als "
        "vorlesungsfrei",
    ),
    ("cannot be served: {own_why}", "nicht zu bedienen: {own_why}"),
    # Assumptions: names, values, reasons, sources.
    ("our assumption", "unsere Annahme"),
    ("the history", "der Verlauf"),
    ("history", "Verlauf"),
    ("demand", "Nachfrage"),
    ("stated, not measured", "angegeben, nicht gemessen"),
    ("cameras in a meeting: {source}", "Kameras je Konferenz: {source}"),
    (
        "the history is modelled, not measured",
        "der Verlauf ist modelliert, nicht gemessen",
    ),
    ("capacity of {own_type}", "Kapazität von {own_type}"),
    (
        "{n} participants ({low} to {high}, {share})",
        "{n} Personen ({low} bis {high}, {share})",
    ),
    (
        "stated in the catalogue, not measured here",
        "im Katalog angegeben, hier nicht gemessen",
    ),
    ("largest meeting", "größte Konferenz"),
    ("stated in the budget", "im Budget angegeben"),
    ("the largest of the history", "die größte des Verlaufs"),
    (
        "neither budget nor history tells it: a tenth of the highest peak",
        "weder Budget noch Verlauf nennen sie: ein Zehntel der höchsten Spitze",
    ),
    ("utilisation of a pool", "Auslastung aller Server"),
    (
        "meetings cannot move, grow after placement and start together; by largest "
        "meeting ÷ node capacity ({figures}), lowered where simulated mornings with a "
        "node down overflow more often",
        "Konferenzen können nicht umziehen, wachsen nach der Verteilung und beginnen "
        "zugleich; nach größter Konferenz ÷ Kapazität eines Servers ({figures}), "
        "gesenkt, wo simulierte Morgen mit einem ausgefallenen Server öfter überlaufen",
    ),
    (
        "a laboratory simulation: 8 nodes, Scalelite's rule, risk 5 %; mornings "
        "simulated for this plan: {balancer}",
        "eine Simulation: 8 Server, Scalelites Regel, Risiko 5 %; für diesen Plan "
        "simulierte Morgen: {balancer}",
    ),
    ("sizes of meetings", "Größen der Konferenzen"),
    (
        "log-normal, median {n}, up to {largest}",
        "log-normal, Median {n}, bis {largest}",
    ),
    (
        "how meetings fall onto nodes depends on their sizes",
        "wie sich Konferenzen auf Server verteilen, hängt von ihrer Größe ab",
    ),
    (
        "the history does not tell how large meetings are",
        "der Verlauf sagt nicht, wie groß Konferenzen sind",
    ),
    (
        "{source}: meetings of its busy hours",
        "{source}: Konferenzen der vollen Stunden",
    ),
    (
        "mean ÷ peak concurrency of a month",
        "Mittel ÷ Spitze der gleichzeitigen Personen eines Monats",
    ),
    (
        "traffic follows the mean, nodes follow the peak",
        "der Datenverkehr folgt dem Mittel, die Server folgen der Spitze",
    ),
    ("streams for traffic", "Ströme für den Datenverkehr"),
    (
        "{n} cameras of {video} kbit/s seen, audio {audio} kbit/s",
        "{n} gesehene Kameras mit {video} kbit/s, Ton {audio} kbit/s",
    ),
    (
        "camera: 200 kbit/s profile (BBB settings), about 175 kbit/s measured in a "
        "room of 20 (wirelessmoves, 2020); audio: 40 nominal, about 60 kbit/s measured "
        "(bbb-hilfe.de); screen: 1 Mbit/s and more at full motion (converia), less for "
        "slides, our assumption; shares of participants: our assumption",
        "Kamera: Profil mit 200 kbit/s (Einstellungen von BBB), etwa 175 kbit/s in "
        "einem Raum mit 20 gemessen (wirelessmoves, 2020); Ton: 40 nominal, etwa 60 "
        "kbit/s gemessen (bbb-hilfe.de); Bildschirm: 1 Mbit/s und mehr bei voller "
        "Bewegung (converia), bei Folien weniger, unsere Annahme; Anteile der "
        "Personen: unsere Annahme",
    ),
    (
        "the history does not tell who sees which stream",
        "der Verlauf sagt nicht, wer welchen Strom sieht",
    ),
    ("shocks", "Schocks"),
    (
        "no history tells of a lockdown to come: shown beside the forecast, never "
        "averaged into it",
        "kein Verlauf kündigt einen Lockdown an: neben der Prognose gezeigt, nie "
        "hineingemittelt",
    ),
    # Capacities and the stand-in node.
    ("node card", "Serverkarte"),
    (
        "{source} is planned with at the dearer cost, of real people: the benchmark's "
        "bots used {share} of their CPU",
        "mit {source} wird zu den höheren Kosten wirklicher Menschen geplant: die Bots "
        "der Messung brauchten das {share}-Fache von deren CPU",
    ),
    (
        "bbbload benchmark, run {run} of {start}, computed from the costs of its "
        "streams",
        "bbbload benchmark, Lauf {run} vom {start}, aus den Kosten der Ströme "
        "berechnet",
    ),
    (
        "bbbload benchmark, run {run} of {start}",
        "bbbload benchmark, Lauf {run} vom {start}",
    ),
    (
        "{profile}: meetings of {size}, {cameras} cameras, {microphones} microphones",
        "{profile}: Konferenzen mit {size} Personen, {cameras} Kameras, {microphones} "
        "Mikrofonen",
    ),
    (
        "Measured on bbbload's stand-in node, not on BigBlueButton",
        "Gemessen an bbbloads Ersatzserver, nicht an BigBlueButton",
    ),
    (
        "The stand-in node is bbbload's own small server for trying the tools. What it "
        "carries says nothing about BigBlueButton and is not used in this plan.",
        "Der Ersatzserver ist bbbloads eigener kleiner Server zum Ausprobieren. Was er "
        "trägt, sagt nichts über BigBlueButton und geht nicht in diesen Plan ein.",
    ),
    # What broke first, how nodes were bought, who forecasts.
    ("none seen", "nichts"),
    ("node CPU", "CPU des Servers"),
    ("joins that fail", "fehlgeschlagene Beitritte"),
    ("join time", "Dauer des Beitritts"),
    ("time to first audio", "Zeit bis zum ersten Ton"),
    ("time to first camera frame", "Zeit bis zum ersten Kamerabild"),
    ("audio loss", "Tonverlust"),
    ("video loss", "Bildverlust"),
    ("frozen video", "stehendes Bild"),
    ("dropped participants", "verlorene Teilnehmende"),
    ("the generator", "der Lastgenerator"),
    ("the cap of the benchmark", "die Grenze der Messung"),
    ("integer programme", "ganzzahlige Optimierung"),
    ("greedy", "schrittweise Auswahl"),
    ("model", "Modell"),
    ("rule", "Faustregel"),
    ("seasonal naive", "Vorjahr"),
)

FIGURES = {
    "seasonal naive": "Vorjahr",
    "model": "Modell",
    "rule": "Faustregel",
    "at": "bei",
    "up to": "bis",
}
"""Words inside a place called `figures`."""

FIGURE_VALUES = {
    "utilisation of a pool": "filled",
    "sizes of meetings": "figures",
    "mean ÷ peak concurrency of a month": "filled",
    "shocks": "filled",
}
"""Assumptions of the planner whose value is a list of numbers: how it is written."""
