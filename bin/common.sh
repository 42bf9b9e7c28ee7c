# Read by the scripts beside it: `root` is the checkout, `python` the project's own interpreter.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python
cd "$root"

fail() {
    echo "massmailer: $*" >&2
    exit 1
}

is_usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Built with profiles of running programs, as distributions do and who compiles at home often does not: `doctor` has the
# same rule.
is_optimised() {
    "$1" -c 'import sys, sysconfig
get = sysconfig.get_config_var
sys.exit(get("prefix") != "/usr" and "--enable-optimizations" not in (get("CONFIG_ARGS") or ""))' >/dev/null 2>&1
}

# The first Python from 3.11 on that can make virtual environments, an optimised one if there is any: sending takes some
# 15 % less processor time with it. PYTHON chooses another.
find_python() {
    if [ -n "${PYTHON:-}" ] && is_usable "$PYTHON"; then
        echo "$PYTHON"
        return
    fi
    first=
    for candidate in python3.12 python3.13 python3.11 python3 python3.14 python \
        /usr/bin/python3.12 /usr/bin/python3.13 /usr/bin/python3.11 /usr/bin/python3; do
        is_usable "$candidate" || continue
        if is_optimised "$candidate"; then
            echo "$candidate"
            return
        fi
        first=${first:-$candidate}
    done
    if [ -n "$first" ]; then
        echo "$first"
        return
    fi
    fail "Python 3.11 or newer, with its venv module, was not found. Install it (Debian, Ubuntu: apt install" \
        "python3 python3-venv) or name it: PYTHON=/path/to/python3.12 bin/setup"
}

make_environment() {
    if [ -x "$python" ] && "$python" -c 'import pip' >/dev/null 2>&1; then
        return
    fi
    base=$(find_python)
    echo "Making .venv with $("$base" -V) ..." >&2
    "$base" -m venv --clear "$root/.venv" || fail "the virtual environment could not be made."
}

# install NAME FILE: install the requirements of FILE unless exactly these are installed.
install() {
    stamp=$root/.venv/.installed-$1
    wanted=$(cksum <"$root/$2")
    if [ -x "$python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    make_environment
    echo "Installing $2 ..." >&2
    "$python" -m pip install -qq --disable-pip-version-check --no-input -r "$root/$2" ||
        fail "the packages of $2 could not be installed; the lines above say why."
    echo "$wanted" >"$stamp"
}

# Collect static files when a package or a file of ours is newer than the last collection.
collect_static() {
    stamp=$root/staticfiles/.collected
    if [ -f "$stamp" ] && [ ! "$root/.venv/.installed-main" -nt "$stamp" ] &&
        [ -z "$(find massmailer/static campaigns/static delivery/static tracking/static -newer "$stamp" 2>/dev/null)" ]
    then
        return
    fi
    "$python" manage.py collectstatic --no-input --verbosity 0 || fail "static files could not be collected."
    : >"$stamp"
}

# Once for each installation of packages: a library that signs eight messages at once is made loadable.
prepare_library() {
    stamp=$root/.venv/.prepared-library
    if [ -f "$stamp" ] && [ ! "$root/.venv/.installed-main" -nt "$stamp" ]; then
        return
    fi
    "$python" -m delivery.engine.rsa_library
    : >"$stamp"
}

setup() {
    install main requirements.txt
    prepare_library
    collect_static
}
