#!/bin/sh
# One step of the install tests; CMakeLists.txt passes the paths in the environment.
set -eu

fail() {
    echo "$*" >&2
    exit 1
}

# linked PROGRAM shared|static: the program uses (or does not use) libshmsem.so by its soname.
linked() {
    if readelf -d "$1" | grep -q 'NEEDED.*\[libshmsem\.so\.0\]'; then how=shared; else how=static; fi
    [ "$how" = "$2" ] || fail "$1 is linked to the $how library, not to the $2 one"
}

run() {
    output=$("$@")
    echo "$output"
    case $output in
        "seat 0" | "seat 1") ;;
        *) fail "expected a seat number" ;;
    esac
}

step=$1
kind=${2-}
work=$SCRATCH/$step-$kind
rm -rf "$work"

case $step in
    stage)
        rm -rf "$STAGE" "$STAGE.first"
        DESTDIR='' "$CMAKE" --install "$BUILD" --prefix "$STAGE.first"
        mv "$STAGE.first" "$STAGE"
        ! grep -rIl -e "$STAGE" -e "$BUILD" "$STAGE/$LIBDIR" || fail "these files name the place they were built in"
        ;;

    cmake)
        "$CMAKE" -S "$SOURCE" -B "$work" -G "$GENERATOR" -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_BUILD_TYPE=Release \
            -DCMAKE_PREFIX_PATH="$STAGE" -DSHMSEM_KIND="$kind" -DBoost_DIR="$BOOST_DIR"
        "$CMAKE" --build "$work"
        linked "$work/consumer" "$kind"
        run "$work/consumer"
        ;;

    pkg-config)
        mkdir -p "$work"
        export PKG_CONFIG_PATH="$STAGE/$LIBDIR/pkgconfig"
        [ "$(pkg-config --modversion shmsem)" = 0.1.0 ] || fail "unexpected version"
        # shellcheck disable=SC2046  # flags are words
        if [ "$kind" = shared ]; then
            "$CXX" -std=c++20 "$SOURCE/main.cpp" -o "$work/consumer" $(pkg-config --cflags --libs shmsem)
            export LD_LIBRARY_PATH="$STAGE/$LIBDIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
        else
            "$CXX" -std=c++20 -static "$SOURCE/main.cpp" -o "$work/consumer" $(pkg-config --static --cflags --libs shmsem)
        fi
        linked "$work/consumer" "$kind"
        run "$work/consumer"
        ;;

    exports)
        library=$STAGE/$LIBDIR/libshmsem.so
        readelf -d "$library" | grep -q 'SONAME.*\[libshmsem\.so\.0\]' || fail "unexpected soname"
        [ "$(readlink "$library.0")" = libshmsem.so.0.1.0 ] || fail "libshmsem.so.0 is not a link to libshmsem.so.0.1.0"
        nm -DC --defined-only "$library" | sed 's/^[0-9a-f]* . //; s/^[ \t]*[a-zA-Z] //' > "$SCRATCH/exports.txt"
        [ -s "$SCRATCH/exports.txt" ] || fail "it shows no names at all"
        ! grep -Ev '^((typeinfo|typeinfo name|vtable) for )?shmsem::' "$SCRATCH/exports.txt" || fail "names that are not shmsem's"
        ! grep -E '(^| )shmsem::(os|layout|robust|core)::' "$SCRATCH/exports.txt" || fail "names of the internal layers"
        ;;

    *) fail "unknown step: $step" ;;
esac
