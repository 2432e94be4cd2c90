# shellcheck shell=bash disable=SC2034,SC2154 # part of a scene, which has the other variables
# The trackers: where they are, what they are, how they are started. All of
# them get one worker, no statistics, a time after which peers are forgotten
# that no scene reaches, and otherwise their defaults.

# find_server NAME prints the binary of a server or tester, or nothing.
find_server() {
	case $1 in
	shoal) echo "$SHOAL" ;;
	aquatic_udp_uring) if [[ -x $AQUATIC_UDP_URING ]]; then echo "$AQUATIC_UDP_URING"; fi ;;
	aquatic_*)
		command -v "$1" || if [[ -x $HOME/.cargo/bin/$1 ]]; then echo "$HOME/.cargo/bin/$1"; fi
		;;
	opentracker) command -v opentracker || true ;;
	esac
}

how_to_install() {
	case $1 in
	aquatic_udp_uring) echo "cargo install aquatic_udp --features io-uring --root ~/.aquatic-uring (or name the binary in AQUATIC_UDP_URING)" ;;
	aquatic_*) echo "cargo install $1" ;;
	opentracker) echo "apt-get install opentracker" ;;
	esac
}

# describe_server NAME BINARY prints version and build line of a server that is
# not ours.
describe_server() {
	case $1 in
	aquatic_*) cargo_line "$2" ;;
	opentracker)
		local package
		package=$(dpkg-query -W -f '${Package} ${Version}, Debian package for ${Architecture}' opentracker 2>/dev/null) ||
			package="opentracker, built by hand"
		echo "$package, $(if needs_whitelist "$2"; then echo whitelist build; else echo open build; fi)"
		;;
	esac
}

# cargo_line BINARY prints what cargo noted down when it installed a binary.
# Flags of the compiler (RUSTFLAGS) are not among it.
cargo_line() {
	local name notes
	name=$(basename "$1")
	notes=$(dirname "$(dirname "$1")")/.crates2.json
	if [[ -r $notes ]]; then
		notes=$(tr -d '\n' <"$notes" | grep -o "\"$name [0-9][^{]*{[^}]*}" | sed -E \
			's/^"([^ ]+ [^ ]+) .*"features":\[([^]]*)\].*"profile":"([^"]*)".*"rustc":"([^\\"]*).*/\1|\2|\3|\4/' | tr -d '"')
		if [[ $notes =~ ^(.*)\|(.*)\|(.*)\|(.*)$ ]]; then
			echo "${BASH_REMATCH[1]}, cargo install $name${BASH_REMATCH[2]:+ --features ${BASH_REMATCH[2]}} (${BASH_REMATCH[3]}), ${BASH_REMATCH[4]}"
			return
		fi
	fi
	echo "$name $("$1" -v 2>/dev/null || echo "of unknown version"), build not known"
}

# Debian builds opentracker so that it serves listed torrents alone.
needs_whitelist() { [[ $("$1" -h 2>&1) == *whitelist* ]]; }

# choose_servers NAME... sets servers to those that are installed and wanted,
# and says what they are; begin has said it of Shoal.
choose_servers() {
	local name binary
	servers=()
	for name in "$@"; do
		if [[ -n $BENCH_SERVERS && " $BENCH_SERVERS " != *" $name "* ]]; then continue; fi
		binary=$(find_server "$name")
		if [[ -z $binary ]]; then
			say "$name: not installed: $(how_to_install "$name")"
			continue
		fi
		if [[ $name != shoal ]]; then say "$name: $(describe_server "$name" "$binary")"; fi
		servers+=("$name")
	done
}

# What a scene may set before start_server: the address that is listened on, a
# command that goes before the server's, whether HTTP connections are kept,
# whether HTTP is over TLS (make_certificate comes first), how many torrents a
# whitelist needs.
server_address=127.0.0.1
server_prefix=()
keep_alive=true
secure=false
torrents=$BENCH_TORRENTS
api= # where the management API of Shoal listens; empty: nowhere

# start_server NAME udp|http|ws starts a server on a port of its own, and sets
# server to its process ID and target to where it listens.
start_server() {
	local name=$1 transport=$2 binary
	binary=$(find_server "$name")
	free_port
	target=$server_address:$port
	configure_"${name%_uring}" "$binary" "$transport" || return 1
	start "$BENCH_SERVER_CORE" "$work/$name.out" "${server_prefix[@]}" "${command[@]}"
	server=$started
	local protocol=udp
	if [[ $transport != udp ]]; then protocol=tcp; fi
	if ! wait_until_ready "$server" "$protocol" "$port"; then
		note="does not start: $(tail -n 1 "$work/$name.out.err")"
		end "$server"
		return 1
	fi
}

# Each of these sets command.

configure_shoal() {
	if [[ $2 == udp ]]; then
		printf '%s\n' "data_dir = \"$work/data\"" 'http = []' '[[udp]]' "listen = [\"$target\"]" 'workers = 1'
	else
		printf '%s\n' "data_dir = \"$work/data\"" 'udp = []' '[[http]]' "listen = [\"$target\"]" "keep_alive = $keep_alive"
		if $secure; then echo "tls = { cert = \"$work/cert.pem\", key = \"$work/key.pem\" }"; fi
	fi >"$work/shoal.toml"
	printf '%s\n' '[api]' "listen = [${api:+\"$api\"}]" '[health]' 'listen = []' >>"$work/shoal.toml"
	command=("$1" serve -c "$work/shoal.toml" --set log.level=warn)
}

configure_aquatic_udp() {
	cat >"$work/aquatic_udp.toml" <<-TOML
		socket_workers = 1
		[network]
		address = "$target"
		[statistics]
		print_to_stdout = false
		[cleaning]
		max_peer_age = 7200
	TOML
	command=("$1" -c "$work/aquatic_udp.toml")
}

configure_aquatic_http() {
	cat >"$work/aquatic_http.toml" <<-TOML
		socket_workers = 1
		swarm_workers = 1
		[network]
		address = "$target"
		keep_alive = $keep_alive
		enable_tls = $secure
		tls_certificate_path = "$(if $secure; then echo "$work/cert.pem"; fi)"
		tls_private_key_path = "$(if $secure; then echo "$work/key.pem"; fi)"
		[cleaning]
		max_peer_age = 7200
	TOML
	command=("$1" -c "$work/aquatic_http.toml")
}

configure_aquatic_ws() {
	cat >"$work/aquatic_ws.toml" <<-TOML
		socket_workers = 1
		swarm_workers = 1
		[network]
		address = "$target"
		enable_tls = $secure
		tls_certificate_path = "$(if $secure; then echo "$work/cert.pem"; fi)"
		tls_private_key_path = "$(if $secure; then echo "$work/key.pem"; fi)"
		[cleaning]
		max_peer_age = 7200
	TOML
	command=("$1" -c "$work/aquatic_ws.toml")
}

# make_certificate makes cert.pem and key.pem (ECDSA P-256, PKCS #8) in work,
# with the program that comes with Go for it.
make_certificate() {
	(cd "$work" && "$go_tool" run "$("$go_tool" env GOROOT)/src/crypto/tls/generate_cert.go" \
		--host "$server_address" --ecdsa-curve P256) >"$work/certificate.out" 2>&1 ||
		fail "no certificate: $(tail -n 1 "$work/certificate.out")"
}

configure_opentracker() {
	command=("$1" -i "$server_address" -p "$port" -P "$port" -u nobody -d "$work/opentracker")
	mkdir -p "$work/opentracker"
	chmod 755 "$work" "$work/opentracker"
	if needs_whitelist "$1"; then
		write_whitelist "$work/opentracker/wl" || return 1
		command+=(-w /wl) # root's opentracker makes the folder its root
		if ((EUID != 0)); then command[-1]=wl; fi
	fi
}

# write_whitelist FILE lists the torrents of the scene, once.
write_whitelist() {
	if [[ -s $1 ]]; then return; fi
	if ! "$SHOAL_LOAD" torrents --torrents "$torrents" --seed "$BENCH_SEED" >"$1" 2>"$work/torrents.err"; then
		note="left out: no whitelist: $(tail -n 1 "$work/torrents.err")"
		rm -f "$1"
		return 1
	fi
	chmod 644 "$1"
}
