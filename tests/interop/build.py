"""Build a mediasoup worker, BBB's SFU, from npm's tarball and Debian's libraries.

`python -m tests.interop.build FOLDER` leaves `FOLDER/mediasoup-worker` and the Node
package `FOLDER/node_modules/mediasoup`. It takes four to five minutes on two cores and
is skipped when the worker of this recipe is already there.

The tarball wants to download its C libraries; ours come from Debian, through small
meson subprojects of our own that stand where the downloads would. Three places of
the worker do not fit those libraries and are adjusted (`ADJUSTMENTS`).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MEDIASOUP = "3.13.24"
"""The version under BBB 3.0's fork of mediasoup."""
MESON = "meson==1.12.1"
DEBIAN_PACKAGES = (
    "g++",
    "ninja-build",
    "nodejs",
    "npm",
    "pkg-config",
    "libuv1-dev",
    "libsrtp2-dev",
    "libssl-dev",
    "libusrsctp-dev",
    "libabsl-dev",
    "libflatbuffers-dev",
    "flatbuffers-compiler",
)
COMMAND_LIMIT_S = 1200

_OPTION = "option('{0}', type: '{1}', value: {2})\n"
SUBPROJECTS = {
    "openssl": (
        "openssl_dep = declare_dependency("
        "dependencies: [dependency('libssl'), dependency('libcrypto')])\n"
        "libcrypto_lib = []\nlibssl_lib = []\n",
        "",
    ),
    "libuv": (
        "libuv_dep = dependency('libuv')\nlibuv = []\n",
        _OPTION.format("build_tests", "boolean", "false")
        + _OPTION.format("build_benchmarks", "boolean", "false"),
    ),
    "libsrtp2": (
        "found = dependency('libsrtp2')\n"
        "headers = found.get_variable('includedir') / 'srtp2'\n"
        "libsrtp2_dep = declare_dependency("
        "dependencies: found, compile_args: '-I' + headers)\n"
        "libsrtp2 = []\n",
        _OPTION.format("crypto-library", "string", "''")
        + _OPTION.format("crypto-library-kdf", "string", "''")
        + _OPTION.format("tests", "string", "''"),
    ),
    "usrsctp": (
        "usrsctp_dep = dependency('usrsctp')\nusrsctp = []\n",
        _OPTION.format("sctp_build_programs", "boolean", "false"),
    ),
    "abseil-cpp": (
        "absl_container_dep = declare_dependency(dependencies: ["
        "dependency('absl_flat_hash_map'), dependency('absl_flat_hash_set')])\n"
        "absl_container_lib = []\n"
        "absl_strings_dep = dependency('absl_strings')\n"
        "absl_types_dep = dependency('absl_optional')\n",
        "",
    ),
    "catch2": ("catch2_dep = declare_dependency()\n", ""),
    "flatbuffers": (
        "flatbuffers_dep = declare_dependency()\nflatbuffers_lib = []\n",
        "",
    ),
}
"""(meson.build after `project()`, meson_options.txt) of each library."""

_INT_LENGTH = """
namespace
{
	template<typename Call>
	srtp_err_status_t WithIntLength(Call call, srtp_t session, void* data, size_t* len)
	{
		int length{ static_cast<int>(*len) };
		const srtp_err_status_t status = call(session, data, &length);

		*len = static_cast<size_t>(length);

		return status;
	}
} // namespace
"""
"""libsrtp 2.5 takes lengths as `int*`, the one that mediasoup downloads `size_t*`."""

ADJUSTMENTS = {
    "src/RTC/SrtpSession.cpp": (
        ("// std::memset(), std::memcpy()", _INT_LENGTH),
        *(
            (f"{call}(this->session,", f"WithIntLength({call}, this->session,")
            for call in (
                "srtp_protect",
                "srtp_unprotect",
                "srtp_protect_rtcp",
                "srtp_unprotect_rtcp",
            )
        ),
    ),
    "include/RTC/SrtpSession.hpp": (("srtp_stream_remove", "srtp_remove_stream"),),
    # A callback's end is marked by a bit; Debian's OpenSSL sets others beside it.
    "src/RTC/DtlsTransport.cpp": (
        ("(operationType == BIO_CB_RETURN)", "(operationType & BIO_CB_RETURN)"),
    ),
}
"""Text replaced in the worker's sources: (what stands there, what we need)."""


def build(folder: Path) -> Path:
    """Return the worker's path; raise RuntimeError naming what is missing."""
    folder = folder.resolve()
    worker = folder / "mediasoup-worker"
    stamp = folder / "recipe.sha256"
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if worker.is_file() and stamp.is_file() and stamp.read_text() == recipe:
        return worker
    _require("g++", "ninja", "npm", "node", "pkg-config", "flatc")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    _run("npm", "install", "--ignore-scripts", f"mediasoup@{MEDIASOUP}", cwd=folder)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "worker"
        shutil.copytree(folder / "node_modules" / "mediasoup" / "worker", source)
        _adjust(source)
        environment = _meson(Path(scratch) / "meson")
        _run(
            *("python3", "-m", "mesonbuild.mesonmain", "setup", "build"),
            *("--buildtype", "release", "-Dms_disable_liburing=true"),
            cwd=source,
            env=environment,
        )
        # The generated headers first: libwebrtc does not name them as its input.
        for target in ("fbs/FBS", "mediasoup-worker"):
            _run("ninja", "-C", "build", target, cwd=source, env=environment)
        shutil.copy2(source / "build" / "mediasoup-worker", worker)
    stamp.write_text(recipe)
    return worker


def _require(*commands: str) -> None:
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise RuntimeError(
            f"not found: {', '.join(missing)}; install with: "
            f"sudo apt install {' '.join(DEBIAN_PACKAGES)}"
        )


def _meson(folder: Path) -> dict[str, str]:
    _run(
        *(sys.executable, "-m", "pip", "install", "--quiet"),
        *("--disable-pip-version-check", "--target", str(folder), MESON),
        cwd=folder.parent,
    )
    return {**os.environ, "PYTHONPATH": str(folder)}


def _adjust(source: Path) -> None:
    for name, (build_text, options) in SUBPROJECTS.items():
        folder = source / "subprojects" / name
        folder.mkdir()
        (folder / "meson.build").write_text(f"project('{name}', 'c')\n{build_text}")
        (folder / "meson_options.txt").write_text(options)
    for wrap in (source / "subprojects").glob("*.wrap"):
        wrap.unlink()
    for name, changes in ADJUSTMENTS.items():
        path = source / name
        text = path.read_text()
        for old, new in changes:
            if old not in text:
                raise RuntimeError(f"{name} has no {old!r}: mediasoup has changed")
            text = text.replace(old, new)
        path.write_text(text)


def _run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, cwd=cwd, env=env, check=True, timeout=COMMAND_LIMIT_S)


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
