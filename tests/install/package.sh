#!/bin/sh
# One step of the test of the Debian package; CMakeLists.txt passes the paths in the environment.
#   build    makes the package, and runs what it holds without installing it
#   apt      installs, uses and removes it in a copy-on-write view of this system that nobody else sees
set -eu

here=$(dirname "$(readlink -f "$0")")
place=$SCRATCH/package

fail() {
    echo "$*" >&2
    exit 1
}

not_tried() {
    echo "not tried: $*"
    exit 77
}

the_package() {
    set -- "$place"/shmsem*.deb
    [ $# -eq 1 ] && [ -f "$1" ] || fail "there should be one package, and there is: $*"
    echo "$1"
}

build() {
    rm -rf "$place"  # so that no older package is installed when none can be made
    for tool in dpkg-deb dpkg-shlibdeps gzip; do
        command -v $tool > /dev/null || not_tried "no $tool, which makes Debian packages (apt-get install dpkg-dev)"
    done
    "$CPACK" -G DEB -B "$place" --config "$BUILD/CPackConfig.cmake" || fail "cpack failed"
    package=$(the_package)

    field() { dpkg-deb -f "$package" "$1"; }
    [ "$(field Package)" = shmsem ] || fail "unexpected name"
    [ "$(field Version)" = "$VERSION-1" ] || fail "unexpected version $(field Version)"
    case $(field Depends) in
        *libc6*libstdc++6*) ;;
        *) fail "dpkg-shlibdeps found no dependencies: $(field Depends)" ;;
    esac
    case $(field Depends) in
        *hiredis* | *benchmark*) fail "it depends on what only measuring needs: $(field Depends)" ;;
    esac
    dpkg-deb --info "$package" triggers | grep -q ldconfig || fail "ldconfig is not triggered"

    tree=$place/tree
    dpkg-deb -x "$package" "$tree"
    for tool in $TOOLS; do
        "$tree/usr/bin/$tool" --help > /dev/null || fail "$tool of the package does not run"
        [ -f "$tree/usr/share/man/man1/$tool.1.gz" ] || fail "no man page of $tool"
        [ -f "$tree/usr/share/bash-completion/completions/$tool" ] || fail "no bash completion of $tool"
        [ -f "$tree/usr/share/zsh/vendor-completions/_$tool" ] || fail "no zsh completion of $tool"
    done
    [ ! -e "$tree/usr/bin/semabench" ] || fail "semabench should stay out"
    for file in copyright changelog.Debian.gz; do
        [ -s "$tree/usr/share/doc/shmsem/$file" ] || fail "no $file"
    done
    owners=$(dpkg-deb -c "$package" | awk '$2 != "root/root" || $1 ~ /^[-d].....?w..w/')
    [ -z "$owners" ] || fail "not root's, or others may write it: $owners"
}

# Inside of the namespace: from here on "/" is the view.
apt_in_view() {
    [ -f /shmsem-under-test.deb ] || fail "only inside of the view that 'apt' makes: this changes the system"
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    unset LD_LIBRARY_PATH PKG_CONFIG_PATH
    cd /
    # What a small image says of man pages and documentation (leave them out) is not what is tried here.
    rm -f /etc/dpkg/dpkg.cfg.d/*
    run_apt() {
        apt-get -q -y -o Dpkg::Options::=--force-unsafe-io -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null \
            -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@" < /dev/null
    }

    # It may be installed on this very host.
    ! dpkg-query -W shmsem > /dev/null 2>&1 || run_apt purge shmsem || fail "cannot remove the one that is installed here"

    run_apt install ./shmsem-under-test.deb || fail "apt install failed"
    [ "$(dpkg-query -W -f '${db:Status-Status}' shmsem)" = installed ] || fail "not installed"
    dpkg --verify shmsem || fail "not as it was packed"
    ldconfig -p | grep -q 'libshmsem\.so\.0 ' || fail "the loader does not know libshmsem.so.0"
    dpkg-query -L shmsem > /tmp/files

    for tool in $TOOLS; do
        [ "$(command -v "$tool")" = "/usr/bin/$tool" ] || fail "$tool is not found"
        "$tool" --help > /dev/null || fail "$tool does not run"
        gzip -dc "/usr/share/man/man1/$tool.1.gz" > "/tmp/$tool.1" || fail "no man page of $tool"
        if command -v man > /dev/null; then man -w "$tool" > /dev/null || fail "man does not find $tool"; fi
    done
    semctl create packaged gpu -n 2 || fail "semctl does not work"
    semtop --all packaged | grep -q gpu || fail "semtop does not see what semctl made"
    case " $TOOLS " in *" semrun "*) semrun --help | grep -q -i usage || fail "semrun says nothing" ;; esac
    semctl remove packaged || fail "semctl remove does not work"

    # shellcheck disable=SC2046  # flags are words
    "$CXX" -std=c++20 /tmp/consumer.cpp -o /tmp/consumer $(pkg-config --cflags --libs shmsem) || fail "a program does not build with it"
    case $(/tmp/consumer) in
        "seat 0" | "seat 1") ;;
        *) fail "a program built with it does not work" ;;
    esac

    run_apt remove shmsem || fail "apt remove failed"
    while IFS= read -r file; do
        case $file in
            *shmsem*) [ ! -e "$file" ] || fail "left behind: $file" ;;
            *) [ ! -e "$file" ] || [ -d "$file" ] || fail "left behind: $file" ;;
        esac
    done < /tmp/files
    ! ldconfig -p | grep -q libshmsem || fail "the loader still knows libshmsem"
    case $(dpkg-query -W -f '${db:Status-Status}' shmsem 2> /dev/null) in
        '' | not-installed) ;;
        *) fail "dpkg still knows it: $(dpkg-query -W -f '${db:Status-Abbrev} ${Conffiles}' shmsem)" ;;
    esac
    echo "installed, used and removed: $(wc -l < /tmp/files) paths"
}

# view_of DIRECTORY ON NAME: a copy-on-write view of it. Changes are held in memory, and go with the namespace.
view_of() {
    mkdir -p "$place/changes/$3/upper" "$place/changes/$3/work"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$place/changes/$3/upper,workdir=$place/changes/$3/work" "$2"
}

make_view() {
    mkdir -p "$place/changes" "$place/root"
    mount -t tmpfs tmpfs "$place/changes" || not_tried "no tmpfs can be mounted here"
    view_of / "$place/root" root || not_tried "no overlay can be mounted here"
    n=0
    for directory in /usr /var /etc /opt /lib /bin /sbin; do
        n=$((n + 1))
        if [ ! -L $directory ] && mountpoint -q $directory; then
            view_of $directory "$place/root$directory" $n || not_tried "no overlay can be mounted on $directory"
        fi
    done
    mount --rbind /proc "$place/root/proc"
    mount --rbind /dev "$place/root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$place/root/dev/shm"
    mount -t tmpfs -o mode=1777 tmpfs "$place/root/tmp"
    cp "$(the_package)" "$place/root/shmsem-under-test.deb"
    cp "$SOURCE/main.cpp" "$place/root/tmp/consumer.cpp"
    cp "$here/package.sh" "$place/root/tmp/package.sh"
}

case $1 in
    build) build ;;
    apt)
        [ "$(id -u)" -eq 0 ] || not_tried "apt install needs root; what the package holds was run without installing it"
        for tool in apt-get dpkg unshare chroot mountpoint pkg-config; do
            command -v $tool > /dev/null || not_tried "no $tool"
        done
        unshare --mount --net true 2> /dev/null || not_tried "no namespaces of its own for a process here (a container?)"
        before=$(dpkg-query -W shmsem 2> /dev/null || true)
        # Without a network, and with nothing mounted that others see.
        status=0
        unshare --mount --net --propagation private sh "$here/package.sh" view || status=$?
        [ "$(dpkg-query -W shmsem 2> /dev/null || true)" = "$before" ] || fail "this host's own packages were changed"
        exit $status
        ;;
    view)
        make_view
        chroot "$place/root" sh /tmp/package.sh in-view
        ;;
    in-view) apt_in_view ;;
    *) fail "unknown step: $1" ;;
esac
