# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh
# The Debian packages that run and test need, and how a missing one is installed. This is the only
# list of them. Sourced by both scripts, which set $here to the folder of the sources.

# shellcheck disable=SC2034 # run and test use them
packages_build='gcc libc6-dev meson ninja-build pkg-config libreadline-dev libqrencode-dev libsqlite3-dev libssl-dev'

# What tests need on top: compilers and checks of the source, then what the end-to-end tests drive.
# shellcheck disable=SC2034
packages_test='clang libclang-rt-dev clang-format clang-tidy libcmocka-dev mandoc shellcheck codespell zsh fish
    python3 python3-pytest python3-pytest-xdist python3-pytest-timeout python3-pexpect python3-pyte tmux
    python3-openssl python3-cryptography
    valgrind libc6-dbg netcat-openbsd ncat socat iproute2 nftables procps util-linux zbar-tools'

# Print those of the named packages that are not installed.
packages_missing() {
    # dpkg-query names on standard error the ones that it has never heard of.
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || :)"
    missing=
    for package in "$@"; do
        case $installed in
        *" installed:$package "*) ;;
        *) missing="$missing $package" ;;
        esac
    done
    echo "${missing# }"
}

# Print a command line and run it. Nothing of it reaches standard output, and it does not read
# standard input: both belong to yodel.
packages_run() {
    printf '+ %s\n' "$*" >&2
    "$@" >&2 </dev/null
}

packages_install() {
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            printf '%s\n' "These packages are missing: $*" \
                "There is no sudo here. Run this as root, then try again:" \
                "  apt-get update && apt-get install --no-install-recommends $*" >&2
            return 1
        fi
        as_root=sudo
    fi
    apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300"
    install="$apt install -y --no-install-recommends $*"
    # shellcheck disable=SC2086 # words are meant to be split, here and below
    if ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
        packages_run $install && return
        echo 'That did not work. The package lists may be old; once more with new ones:' >&2
    fi
    # shellcheck disable=SC2086
    packages_run $apt update && packages_run $install
}

# Make sure that the named packages are installed. Says nothing and does nothing when they are.
packages_need() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        printf '%s\n' 'This is not Debian or Ubuntu. Install what these Debian packages hold:' \
            "  $*" 'and build by hand:' \
            '  meson setup build && ninja -C build && build/yodel --help' >&2
        return 1
    fi
    missing=$(packages_missing "$@")
    # shellcheck disable=SC2086
    [ -z "$missing" ] || packages_install $missing
}
