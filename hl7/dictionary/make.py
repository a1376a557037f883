#!/usr/bin/env python3
"""Makes the tables in this folder out of a folder with one JSON file a version:  make.py FOLDER

What is equal in several versions stands once, with the versions that it is true of (`2.3-2.5.1,2.7`).
"""
import json
import pathlib
import sys

VERSIONS = ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"]


def span(found):
    """The versions of a set, runs joined."""
    at = sorted(VERSIONS.index(one) for one in found)
    runs, start = [], 0
    for i in range(1, len(at) + 1):
        if i == len(at) or at[i] != at[i - 1] + 1:
            first, last = VERSIONS[at[start]], VERSIONS[at[i - 1]]
            runs.append(first if first == last else f"{first}-{last}")
            start = i
    return ",".join(runs)


def clean(text):
    return " ".join(str(text if text is not None else "").split())


def children(all):
    """`MSH:1:1 SFT:0:*`; with `choice` before them, one of them."""
    choice = bool(all) and all[0] == "choice"
    texts = [f"{name}:{least}:{'*' if most < 0 else most}" for name, least, most in (all[1] if choice else all)]
    return " ".join(["choice"] * choice + texts)


def main():
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
    rows = {name: {} for name in ["segments", "fields", "datatypes", "components", "structures", "codes"]}

    def add(name, key, facts, version):
        rows[name].setdefault((key, facts), set()).add(version)

    for version in VERSIONS:
        data = json.loads((source / f"v{version}.json").read_text())
        for segment, (title, fields) in data["segments"].items():
            add("segments", (segment,), (clean(title),), version)
            for number, field in enumerate(fields, 1):
                if field is not None:
                    add("fields", (segment, number), tuple(clean(one) for one in field), version)
        for datatype, (title, components) in data["datatypes"].items():
            add("datatypes", (datatype,), (clean(title),), version)
            for number, component in enumerate(components, 1):
                if component is not None:
                    add("components", (datatype, number), tuple(clean(one) for one in component), version)
        for kind, sigil in [("messages", ""), ("groups", "@")]:
            for name, inside in data[kind].items():
                add("structures", (sigil + name,), (children(inside),), version)
        for table, codes in data["tables"].items():
            for code in codes:
                add("codes", (table, clean(code)), (), version)

    heads = {
        "segments": "segment\tversions\ttitle",
        "fields": "segment\tfield\tversions\tname\tdatatype\toptionality\trepeats\tlength\ttable",
        "datatypes": "datatype\tversions\ttitle",
        "components": "datatype\tcomponent\tversions\tname\tdatatype\toptionality\tlength\ttable",
        "structures": "structure\tversions\tchildren",
        "codes": "table\tcode\tversions\ttext",
    }
    texts = json.loads((source / "tables.json").read_text())
    for name, found in rows.items():
        lines = []
        for (key, facts), versions in found.items():
            if name == "codes":
                facts = (clean(texts.get(key[0], ["", {}])[1].get(key[1], "")),)
            lines.append((key, min(VERSIONS.index(one) for one in versions), span(versions), facts))
        lines.sort(key=lambda one: (one[0], one[1]))
        with open(target / f"{name}.tsv", "w") as out:
            out.write(heads[name] + "\n")
            for key, _, versions, facts in lines:
                out.write("\t".join([*map(str, key), versions, *facts]) + "\n")
    with open(target / "tables.tsv", "w") as out:
        out.write("table\tname\n")
        for table, (name, _) in sorted(texts.items()):
            out.write(f"{table}\t{clean(name)}\n")


main()
