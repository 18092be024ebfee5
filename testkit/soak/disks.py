"""Small disks of our own that fill, break, turn read-only, and lose their power. Needs root; each says why when it cannot."""

import fcntl
import os
import pathlib
import shutil
import struct
import subprocess

from service import ensure

# EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN: the file system stops at once, and what is not on the disk is lost.
SHUTDOWN = 0x8004587D
SHUTDOWN_WITHOUT_FLUSH = 2


class Skipped(Exception):
    """A fault that cannot be made here."""


def command(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skipped(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


class Disk:
    """A mounted file system, gone with `with`. `backing` is a folder that its image lies in, or none for memory."""

    def __init__(self, place, size_mib, kind="tmpfs", backing=None, sparse_mib=None):
        self.place, self.kind, self.loop, self.backing = pathlib.Path(place), kind, None, backing
        self.place.mkdir(parents=True, exist_ok=True)
        if kind == "tmpfs":
            command("mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0700", "none", self.place)
            return
        if shutil.which(f"mkfs.{kind}") is None:
            raise Skipped(f"no mkfs.{kind}")
        self.image = pathlib.Path(backing) / f"{self.place.name}.img"
        with open(self.image, "wb") as image:
            image.truncate((sparse_mib or size_mib) << 20)
        command(f"mkfs.{kind}", "-q", self.image)
        self.loop = command("losetup", "--find", "--show", self.image)
        self.mount()

    def mount(self):
        options = ["-o", "errors=remount-ro"] if self.kind == "ext4" else []
        command("mount", *options, self.loop, self.place)
        os.chmod(self.place, 0o700)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", str(self.place)], check=False, capture_output=True)
        if self.loop:
            subprocess.run(["losetup", "--detach", self.loop], check=False, capture_output=True)
            self.image.unlink(missing_ok=True)

    def fill(self, leave=0):
        """Takes all the room there is but `leave` bytes; the file that does."""
        ballast = self.place / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while shutil.disk_usage(self.place).free > leave and file.write(b"\7" * 4096):
                    pass
            except OSError:
                pass
        return ballast

    def turn_read_only(self):
        """The file system believes that it is damaged, and remounts itself read-only: every write from now on is refused."""
        trigger = pathlib.Path("/sys/fs/ext4") / pathlib.Path(self.loop).name / "trigger_fs_error"
        try:
            trigger.write_text("soak")
        except OSError as error:
            raise Skipped(f"no way to make {self.kind} fail: {error}") from error

    def lose_power(self):
        """Nothing that is not on the disk gets there. The mount stands, and everything on it fails."""
        folder = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", SHUTDOWN_WITHOUT_FLUSH))
        except OSError as error:
            raise Skipped(f"no shutdown of {self.kind}: {error}") from error
        finally:
            os.close(folder)

    def again(self):
        """Unmounts and mounts, as after a start of the machine. The file system recovers by its journal."""
        command("umount", self.place)
        self.mount()


def need_root():
    if os.geteuid() != 0:
        raise Skipped("needs root to mount")
    ensure(shutil.which("mount"), "no mount")
