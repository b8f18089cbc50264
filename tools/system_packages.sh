#!/bin/bash
# Install the system packages that are missing, by apt. usage: system_packages.sh quick|full
# quick: Python and a C compiler; full: also the ARM and RISC-V compilers, QEMU and Chromium.
set -euo pipefail

missing=()
command_of() { command -v "$1" >/dev/null || missing+=("${@:2}"); }           # command, packages
file_of() { compgen -G "$1" >/dev/null || missing+=("${@:2}"); }              # file pattern, packages

python=${PYTHON:-python3}
command_of "$python" python3
command_of cc build-essential
command_of make make
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])' 2>/dev/null || echo /none)
file_of "$include/Python.h" python3-dev

if [ "${1:-full}" = full ]; then
    command_of arm-none-eabi-gcc gcc-arm-none-eabi libnewlib-arm-none-eabi
    command_of riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf
    command_of qemu-system-arm qemu-system-arm
    if ! command -v qemu-system-riscv32 >/dev/null; then # newer systems split it off
        riscv=qemu-system-misc
        ! apt-cache show qemu-system-riscv >/dev/null 2>&1 || riscv=qemu-system-riscv
        missing+=("$riscv")
    fi
    command_of pkg-config pkgconf
    file_of "/usr/include/*/ffi.h" libffi-dev
    command_of dpkg-source dpkg-dev
    command_of xz xz-utils
    if ! grep -qs '^ID=ubuntu' /etc/os-release; then # there it is a snap, which does not install everywhere
        command_of chromium chromium
        command_of chromedriver chromium-driver
    fi
    command_of curl curl
fi

if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
packages=$(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')
if ! command -v apt-get >/dev/null; then
    echo "Missing here: $packages" >&2
    echo "These are Debian's names of the packages; this system has no apt. Install its own, then run make again." >&2
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Run as root: apt-get install $packages" >&2; exit 1; }
    sudo=(sudo)
fi
echo "installing $packages"
"${sudo[@]}" apt-get -qq update
# shellcheck disable=SC2086
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends $packages >/dev/null
