"""Releases of MovieLens with a handful of rows, in each release's own format.

All say the same: user 1 (a doctor of 46) rated films 1 and 2, user 2 (a student of 17) film 1.
"""

import zipfile
from pathlib import Path

GENRES_100K = 19
EVENTS = [(1, 1, 4, 879024327), (2, 1, 5, 879024328), (1, 2, 3, 879024329)]


def _flags(*positions: int) -> str:
    return "|".join("1" if i in positions else "0" for i in range(GENRES_100K))


FILES: dict[str, dict[str, bytes]] = {
    "100k": {
        "u.data": "".join(f"{u}\t{m}\t{r}\t{t}\n" for u, m, r, t in EVENTS).encode(),
        "u.item": (
            f"1|Amélie (2001) |01-Jan-2001||http://x|{_flags(5, 8)}\n2|unknown||||{_flags(0)}\n"
        ).encode("latin-1"),
        "u.user": b"1|46|M|doctor|53211\n2|17|F|student|T8H1N\n",
    },
    "recbole": {
        "ml-100k.inter": (
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
            + "".join(f"{u}\t{m}\t{r}\t{t}\n" for u, m, r, t in EVENTS)
        ).encode(),
        "ml-100k.item": (
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
            "1\tAmélie\t2001\tComedy Drama\n2\tunkonwn\tunkonwn\tunknown \n"
        ).encode(),
        "ml-100k.user": (
            b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
            b"1\t46\tM\tdoctor\t53211\n2\t17\tF\tstudent\tT8H1N\n"
        ),
    },
    "1m": {
        "ratings.dat": "".join(f"{u}::{m}::{r}::{t}\n" for u, m, r, t in EVENTS).encode(),
        "movies.dat": "1::Amélie (2001)::Comedy|Drama\n2::Up: High (1990)::Children's\n".encode(
            "latin-1"
        ),
        "users.dat": b"1::M::45::6::53211\n2::F::1::10::01002\n",
    },
    "10m": {
        "ratings.dat": "".join(f"{u}::{m}::{r}.5::{t}\n" for u, m, r, t in EVENTS).encode(),
        "movies.dat": "1::Amélie (2001)::Comedy|Drama\n2::Up (1990)::IMAX\n".encode(),
    },
    "latest-small": {
        "ratings.csv": (
            "userId,movieId,rating,timestamp\n"
            + "".join(f"{u},{m},{r}.5,{t}\n" for u, m, r, t in EVENTS)
        ).encode(),
        "movies.csv": (
            "movieId,title,genres\n"
            '1,Amélie (2001),Comedy|Drama\n2,"Up, High (1990)",(no genres listed)\n'
        ).encode(),
    },
}
"""The files of each release, and of the copy inside the RecBole package."""


def write_folder(folder: Path, release: str) -> Path:
    """Writes the files of a release into a folder, which it makes."""
    folder.mkdir(parents=True)
    for name, content in FILES[release].items():
        (folder / name).write_bytes(content)
    return folder


def write_zip(path: Path, release: str, *, inside: str) -> Path:
    """Writes a zip archive with the files of a release in a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{inside}/README", "read me")
        for name, content in FILES[release].items():
            archive.writestr(f"{inside}/{name}", content)
    return path
