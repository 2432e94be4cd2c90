package shoal_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
)

// TestHouse holds the tree to the rules of the house. Each rule has a reason;
// a change that needs another rule changes it here, in the open.
func TestHouse(t *testing.T) {
	house := os.DirFS(".")
	packages, err := readPackages(house)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 2 {
		t.Fatalf("only %d packages found: this is not the house", len(packages))
	}
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			broken, err := check.run(house, packages)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range broken {
				t.Error(b)
			}
		})
	}
}

var checks = []struct {
	name string
	run  func(house fs.FS, packages []pkg) ([]string, error)
}{
	{"rooms", checkRooms},
	{"libraries", checkLibraries},
	{"quiet", checkQuiet},
	{"docs", checkDocs},
	{"files", checkFiles},
}

// A door is what one room may import of ours. root stands for the root package.
type door struct {
	room    string
	imports []string
	reason  string
}

// doors has a row for every package; a room without a row is not in the plan.
var doors = []door{
	{"root", nil, "the words of the field stand below everything"},
	{"bencode", nil, "a public format of its own, useful without a tracker"},
	{"udptracker", words("root"), "a wire format: bytes to words and back, for servers and clients alike"},
	{"httptracker", words("root bencode"), "a wire format, as udptracker"},
	{"webtorrent", words("root"), "a wire format, as udptracker"},
	{"peerid", words("root"), "what peer IDs tell, useful without a tracker"},

	{"internal/packetio", nil, "datagrams: knows nothing of trackers, so that an engine can be tested and replaced alone"},
	{"internal/streamio", words("root"), "connections: knows nothing of HTTP; root for the coarse clock"},
	{"internal/policy", words("root"), "judges an announce, not where it came from or goes to"},
	{"internal/swarm", words("root peerid"), "the only mutable state on the road: nothing it calls may call back"},
	{"internal/accounting", words("root"), "what a key's holder moved: knows neither swarms nor where it is written down"},
	{"internal/database", words("root"), "what outlives the process: knows tables, not what they are for"},
	{"internal/tracker", words("root internal/accounting internal/policy internal/swarm"), "the order of the rooms, the same for every transport"},

	{"internal/udpserver", words("root udptracker internal/packetio internal/tracker"), "one transport: its wire format, its I/O and the tracker"},
	{"internal/httpserver", words("root httptracker internal/streamio internal/tracker"), "one transport, as udpserver; transports never see each other"},
	{"internal/wsserver", words("root webtorrent internal/streamio internal/tracker"), "one transport, as udpserver; httpserver hands connections over by a function that app wires"},
	{"internal/client", words("root udptracker httptracker webtorrent"), "the other side of the wire, without a server"},

	{"internal/certificates", words("root"), "what TLS listeners show: knows neither sockets nor trackers"},
	{"internal/api", words("root peerid internal/client internal/database internal/policy internal/swarm internal/tracker"), "what operators ask for: reads the rooms, and changes them through app"},
	{"internal/apiclient", words("root"), "the other side of the management API, without a server"},
	{"internal/metrics", words("root"), "figures for monitoring: knows names and numbers, not what counts them"},
	{"internal/config", words("root internal/accounting internal/api internal/certificates internal/database internal/httpserver internal/policy internal/swarm internal/tracker internal/udpserver internal/wsserver"), "composes the rooms' settings; the rooms do not know where settings come from"},
	{"internal/config/generate", words("internal/config"), "writes the reference out of the doc comments, when a developer asks"},
	{"internal/app", words("root internal/accounting internal/api internal/certificates internal/config internal/database internal/httpserver internal/metrics internal/packetio internal/policy internal/streamio internal/swarm internal/tracker internal/udpserver internal/wsserver"), "builds every room and runs them"},
	{"cmd/shoal", words("root internal/apiclient internal/app internal/client internal/config"), "what a user types; the rooms are reached through app"},

	{"cmd/shoal-load/internal/population", words("root"), "who announces what: knows no transport, and nothing of the server"},
	{"cmd/shoal-load/internal/plan", words("cmd/shoal-load/internal/population"), "how long, how fast, which requests: the same for every transport"},
	{"cmd/shoal-load/internal/report", words("cmd/shoal-load/internal/plan"), "what was counted, whatever the transport"},
	{"cmd/shoal-load/internal/check", words("root cmd/shoal-load/internal/plan cmd/shoal-load/internal/population cmd/shoal-load/internal/report"), "judges trackers, and so must not lean on the server's rooms"},
	{"cmd/shoal-load/internal/udpload", words("root udptracker cmd/shoal-load/internal/check cmd/shoal-load/internal/plan cmd/shoal-load/internal/population cmd/shoal-load/internal/report"), "one transport, with sockets of its own: those of the server are what is tested"},
	{"cmd/shoal-load/internal/httpload", words("root bencode httptracker cmd/shoal-load/internal/check cmd/shoal-load/internal/plan cmd/shoal-load/internal/population cmd/shoal-load/internal/report"), "as udpload"},
	{"cmd/shoal-load/internal/wsload", words("root webtorrent cmd/shoal-load/internal/check cmd/shoal-load/internal/plan cmd/shoal-load/internal/population cmd/shoal-load/internal/report"), "as udpload"},
	{"cmd/shoal-load", words("cmd/shoal-load/internal/httpload cmd/shoal-load/internal/plan cmd/shoal-load/internal/population cmd/shoal-load/internal/report cmd/shoal-load/internal/udpload cmd/shoal-load/internal/wsload"), "what a user types; tests trackers from outside"},
}

// A libraryDoor is where a foreign library comes in: one room knows it, so that
// replacing it changes one room.
type libraryDoor struct {
	library string // module path, or a prefix of it that ends at a slash
	rooms   []string
	reason  string
}

var libraryDoors = []libraryDoor{
	{"golang.org/x/sys", words("internal/packetio internal/streamio cmd/shoal-load/internal/udpload cmd/shoal-load/internal/httpload cmd/shoal-load/internal/wsload"), "system calls belong to I/O"},
	{"github.com/dchest/siphash", words("internal/udpserver"), "connection IDs"},
	{"github.com/pelletier/go-toml/v2", words("internal/config cmd/shoal-load"), "the configuration file"},
	{"github.com/caddyserver/certmagic", words("internal/certificates"), "certificates by ACME, got and renewed"},
	{"github.com/mholt/acmez/v3", words("internal/certificates"), "the ACME client of certmagic, whose challenges the tracker answers itself"},
	{"go.uber.org/zap", words("internal/certificates"), "certmagic's log, handed on to slog"},
	{"github.com/gaissmai/bart", words("internal/policy"), "networks that an address is looked up in"},
	{"modernc.org/sqlite", words("internal/database"), "SQLite without cgo"},
	{"github.com/go-sql-driver/mysql", words("internal/database"), "MariaDB and MySQL"},
	{"github.com/jackc/pgx/v5", words("internal/database"), "PostgreSQL"},
	{"github.com/danielgtaylor/huma/v2", words("internal/api"), "routes, and OpenAPI made from their types"},
	{"github.com/swaggest/swgui", words("internal/api"), "the page that shows the OpenAPI, embedded: nothing comes from elsewhere"},
	{"golang.org/x/time", words("internal/api"), "slows those who guess tokens"},
	{"github.com/prometheus", words("internal/metrics"), "the Prometheus text format"},
	{"github.com/coder/websocket", words("internal/client"), "WebSockets, as a client"},
	{"golang.org/x/sync", words("internal/app"), "running the rooms; on the road nothing is started"},
	{"github.com/spf13/cobra", words("cmd/shoal cmd/shoal-load"), "commands and flags"},
	{"github.com/lmittmann/tint", words("cmd/shoal"), "the log on a terminal"},
	{"golang.org/x/term", words("cmd/shoal cmd/shoal-load"), "is the log, or the progress, on a terminal?"},
	{"github.com/spf13/pflag", words("cmd/shoal-load"), "the keys of its configuration file are its flags"},
	{"github.com/HdrHistogram/hdrhistogram-go", words("cmd/shoal-load/internal/report"), "latencies"},
	{"github.com/schollz/progressbar/v3", words("cmd/shoal-load"), "progress on a terminal"},
}

// A quietRoom does without some of the standard library.
type quietRoom struct {
	room   string
	avoids []string
	reason string
}

var (
	inputOutput = words("bufio context log log/slog net net/http os syscall unsafe")
	logging     = words("log log/slog")
)

var quietRooms = []quietRoom{
	{"root", inputOutput, "words do nothing"},
	{"bencode", inputOutput, "bytes in, bytes appended; hostile input meets no unsafe code"},
	{"udptracker", inputOutput, "as bencode"},
	{"httptracker", inputOutput, "as bencode"},
	{"peerid", inputOutput, "as bencode"},
	{"internal/policy", inputOutput, "a rule is asked for every announce: it may not wait"},
	{"internal/accounting", words("bufio log log/slog net net/http os syscall unsafe"), "on the road nothing waits, and nothing is logged"},
	{"internal/tracker", inputOutput, "on the road nothing waits, and nothing is logged"},
	{"internal/swarm", logging, "an outsider must not be able to fill the log"},
	{"internal/packetio", logging, "as swarm: errors are counted or returned"},
	{"webtorrent", inputOutput, "as bencode"},
	{"internal/wsserver", words("bufio log log/slog net net/http os syscall unsafe"), "as httpserver"},
	{"internal/httpserver", words("bufio log log/slog net net/http os syscall unsafe"), "HTTP without I/O, so that tests and fuzzers need no socket"},
}

// words splits a list written as one string.
func words(s string) []string { return strings.Fields(s) }
