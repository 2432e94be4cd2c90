# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# Our own programs.

go_tool=$(command -v go || echo /usr/local/go/bin/go)

# build_ours builds Shoal and shoal-load, unless they are given.
# The commit is noted in them also where GOFLAGS would leave it out.
build_ours() {
	if [[ -z $SHOAL ]]; then
		SHOAL=$bench/bin/shoal
		(cd "$house" && CGO_ENABLED=0 "$go_tool" build -trimpath -buildvcs=auto -o "$SHOAL" ./cmd/shoal) || fail "Shoal does not build"
	fi
	if [[ -z $SHOAL_LOAD ]]; then
		SHOAL_LOAD=$bench/bin/shoal-load
		(cd "$house" && CGO_ENABLED=0 "$go_tool" build -trimpath -buildvcs=auto -o "$SHOAL_LOAD" ./cmd/shoal-load) || fail "shoal-load does not build"
	fi
}

# our_line BINARY prints what the binary itself says of where it came from: it
# need not be built from the tree that this script is in.
our_line() {
	local noted revision modified
	noted=$("$go_tool" version -m "$1" 2>/dev/null) || noted=
	if [[ -z $noted ]]; then
		echo "not built by Go"
		return
	fi
	revision=$(sed -n 's/^[[:space:]]*build[[:space:]]*vcs\.revision=//p' <<<"$noted")
	modified=$(sed -n 's/^[[:space:]]*build[[:space:]]*vcs\.modified=true$/, modified/p' <<<"$noted")
	echo "commit ${revision:-unknown}$modified, $(sed -n '1s/.*: //p' <<<"$noted")"
}

# tree_line prints the same of the working tree, for scenes that run its tests.
tree_line() {
	local commit
	commit=$(cd "$house" && git describe --always --abbrev=40 --exclude='*' --dirty=', modified' 2>/dev/null) || commit=unknown
	echo "commit $commit, $("$go_tool" env GOVERSION)"
}
