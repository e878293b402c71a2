"""What the planner's readers of histories say, in English and German. Data.

Places are written as in `reports.plan_sentences`.
"""

HISTORY_SENTENCES: tuple[tuple[str, str], ...] = (
    (
        "our own load tests were taken out: up to {n} participants in {hours} hours "
        "(bbb-origin {origin})",
        "eigene Lasttests wurden herausgenommen: bis zu {n} Personen in {hours} "
        "Stunden (bbb-origin {origin})",
    ),
    (
        "{hours} hours were left out: fewer nodes answered than usual that day",
        "{hours} Stunden wurden weggelassen: an dem Tag antworteten weniger Server als "
        "sonst",
    ),
    (
        "{source} says {scale} times what {other} says",
        "{source} nennt das {scale}-Fache von {other}",
    ),
    (
        "our own load tests were taken out: {hours} hours of {all}, in which up to {n} "
        "participants were present",
        "eigene Lasttests wurden herausgenommen: {hours} Stunden von {all}, in denen "
        "bis zu {n} Personen da waren",
    ),
    (
        "times without new meetings were taken out: {hours} hours of {all}, in which "
        "up to {n} participants were present",
        "Zeiten ohne neue Konferenzen wurden herausgenommen: {hours} Stunden von "
        "{all}, in denen bis zu {n} Personen da waren",
    ),
    (
        "{source} leads; {n} of {all} bins come from {other} × {scale}, the median "
        "ratio of {busy} busy bins both know; they differ by {share} (standard "
        "deviation of the logarithm), by which the forecast is wider",
        "{source} führt; {n} von {all} Abschnitten kommen aus {other} × {scale}, dem "
        "mittleren Verhältnis (Median) von {busy} vollen Abschnitten, die beide "
        "kennen; sie weichen um {share} ab (Standardabweichung des Logarithmus), um so "
        "viel breiter ist die Prognose",
    ),
    (
        "bbblb writes no row while no meeting runs: {n} hours of silence, at most "
        "{days} days at a time, count as empty (name outages with --closed)",
        "bbblb schreibt keine Zeile, solange keine Konferenz läuft: {n} Stunden "
        "Stille, höchstens {days} Tage am Stück, zählen als leer (Ausfälle mit "
        "--closed nennen)",
    ),
    (
        "{n} rows were of a meeting already seen in that poll",
        "{n} Zeilen waren von einer Konferenz, die in dieser Abfrage schon vorkam",
    ),
    (
        "only recorded meetings leave an events.xml: others are missing, and {n} hours "
        "of silence, at most {days} days at a time, count as empty (name outages with "
        "--closed)",
        "nur aufgezeichnete Konferenzen hinterlassen eine events.xml: andere fehlen, "
        "und {n} Stunden Stille, höchstens {days} Tage am Stück, zählen als leer "
        "(Ausfälle mit --closed nennen)",
    ),
    (
        "{column} were 0 throughout, as {source} says on BBB 3.0 whatever is true: "
        "left out",
        "{column} waren durchweg 0, wie {source} es auf BBB 3.0 immer sagt: "
        "weggelassen",
    ),
    (
        "{n} columns of {source} were added up as participants of one node each "
        "({own_names}): name what is none with --column",
        "{n} Spalten von {source} wurden als Personen je eines Servers "
        "zusammengezählt ({own_names}): andere mit --column benennen",
    ),
    (
        "{n} lines of {source} were there twice",
        "{n} Zeilen von {source} waren doppelt",
    ),
    (
        "{n} times lie in the hour that daylight saving skips in spring: taken as an "
        "hour later",
        "{n} Zeiten liegen in der Stunde, die die Sommerzeit im Frühjahr überspringt: "
        "als eine Stunde später genommen",
    ),
)
