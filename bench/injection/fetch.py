"""Gets the packages of sources.json by name, checks their SHA-256 and unpacks them; nothing of them is committed."""
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent


def _download(name, source, to):
    if source["registry"] == "npm":
        command = ["npm", "pack", "--silent", "--pack-destination", to, f"{name}@{source['version']}"]
    else:
        kind = ["--no-binary", ":all:"] if source.get("sdist") else ["--only-binary", ":all:"]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   *kind, "--dest", to, f"{name}=={source['version']}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(file for file in Path(to).iterdir())


def _unpack(archive, to):
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as file:
            file.extractall(to)
    else:
        with tarfile.open(archive) as file:
            file.extractall(to, filter="data")


def fetch(root):
    """Makes sure that every package is unpacked below `root`."""
    for name, source in json.loads((HERE / "sources.json").read_text()).items():
        place = root / name
        if (place / ".complete").exists():
            continue
        shutil.rmtree(place, ignore_errors=True)
        download = root / f"{name}.download"
        shutil.rmtree(download, ignore_errors=True)
        download.mkdir(parents=True)
        archive = _download(name, source, str(download))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != source["sha256"]:
            raise SystemExit(f"{name} {source['version']}: SHA-256 is {digest}, expected {source['sha256']}")
        _unpack(archive, place)
        shutil.rmtree(download)
        (place / ".complete").touch()


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
