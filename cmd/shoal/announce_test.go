package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/client"
)

const someHash = "0123456789abcdef0123456789abcdef01234567"

// typed runs a command as a user would and returns what it printed.
func typed(t *testing.T, cmd *cobra.Command, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// trackerSaying is an HTTP tracker that answers every request with body; asked
// gets the queries.
func trackerSaying(t *testing.T, body string) (url string, asked chan string) {
	asked = make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/announce", asked
}

const announceBody = "d8:completei5e11:external ip4:\xc0\x00\x02\x4d10:incompletei3e8:intervali1800e12:min intervali300e" +
	"5:peers6:\xc0\x00\x02\x01\x1a\xe115:warning message5:\x1b[2Jxe"

func TestAnnounceTable(t *testing.T) {
	url, asked := trackerSaying(t, announceBody)
	got, err := typed(t, newAnnounceCommand(), url, someHash, "--left", "0", "--event=completed", "--numwant=7", "--port=51413", "--peer-id=-SH0100-abcdefghijkl")
	if err != nil {
		t.Fatal(err)
	}
	want := `complete      5
incomplete    3
interval      30m0s
min interval  5m0s
external ip   192.0.2.77
warning       "\x1b[2Jx"
peers         1
              192.0.2.1:6881
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
	query := <-asked
	for _, want := range []string{"info_hash=%01%23Eg%89", "peer_id=-SH0100-abcdefghijkl", "port=51413", "left=0", "numwant=7", "event=completed"} {
		if !strings.Contains(query, want) {
			t.Errorf("query %q is without %q", query, want)
		}
	}
}

func TestAnnounceTableSaysNoMoreThanTheTracker(t *testing.T) {
	url, _ := trackerSaying(t, "d8:intervali60e5:peers0:e")
	got, err := typed(t, newAnnounceCommand(), url, someHash)
	if want := "complete    0\nincomplete  0\ninterval    1m0s\npeers       0\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestAnnounceJSON(t *testing.T) {
	for body, want := range map[string]string{
		announceBody: `{"interval":1800,"min_interval":300,"complete":5,"incomplete":3,"external_ip":"192.0.2.77",` +
			`"warning":"\u001b[2Jx","peers":["192.0.2.1:6881"]}`,
		"d8:intervali60e5:peers0:e": `{"interval":60,"min_interval":0,"complete":0,"incomplete":0,"external_ip":null,"warning":"","peers":[]}`,
	} {
		url, _ := trackerSaying(t, body)
		got, err := typed(t, newAnnounceCommand(), "--json", url, someHash)
		if err != nil || got != want+"\n" {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func TestAnnounceErrors(t *testing.T) {
	refusing, _ := trackerSaying(t, "d14:failure reason2:noe")
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no arguments", nil, "accepts 2 arg(s)"},
		{"three arguments", []string{refusing, someHash, someHash}, "accepts 2 arg(s)"},
		{"info hash", []string{refusing, "0123"}, `info hash "0123"`},
		{"URL", []string{"ftp://tracker", someHash}, "must begin with udp://"},
		{"event", []string{refusing, someHash, "--event=begun"}, `--event "begun"`},
		{"peer ID", []string{refusing, someHash, "--peer-id=short"}, `--peer-id "short"`},
		{"peer ID not hexadecimal", []string{refusing, someHash, "--peer-id=" + strings.Repeat("x", 40)}, "--peer-id"},
		{"timeout", []string{refusing, someHash, "--timeout=0s"}, "--timeout 0s"},
		{"port", []string{refusing, someHash, "--port=65536"}, "--port"},
		{"refused", []string{refusing, someHash}, `tracker refused: "no"`},
		{"silence", []string{"udp://" + silent.LocalAddr().String(), someHash, "--timeout=1ms"}, "no answer: waited for 1ms"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := typed(t, newAnnounceCommand(), test.args...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(out, `"no"`) {
				t.Errorf("an error on stdout: %q", out)
			}
		})
	}
}

func TestAnnounceRequest(t *testing.T) {
	flags := announceFlags{left: 9, event: "none", numWant: -5, port: 1, peerID: strings.Repeat("fe", 20)}
	got, err := flags.request(someHash + someHash[:24])
	if err != nil {
		t.Fatal(err)
	}
	hash, _ := shoal.ParseInfoHash(someHash)
	want := shoal.AnnounceRequest{
		InfoHash: hash, PeerID: shoal.PeerID(bytes.Repeat([]byte{0xfe}, 20)),
		Addr: netip.AddrPortFrom(netip.Addr{}, 1), Left: 9, NumWant: shoal.NumWantDefault,
	}
	if *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	for event, want := range map[string]shoal.Event{
		"": 0, "none": 0, "completed": 1, "started": 2, "stopped": 3, "paused": 4,
	} {
		if got, err := parseEvent(event); got != want || err != nil {
			t.Errorf("event %q: got %d, %v", event, got, err)
		}
	}
	one, _ := parsePeerID("")
	two, _ := parsePeerID("")
	if one == two || string(one[:8]) != "-SH0000-" {
		t.Errorf("peer IDs made up: %q, %q", one[:], two[:])
	}
}

func TestAnnounceTablePeers(t *testing.T) {
	var out bytes.Buffer
	reply := &client.Reply{Peers: []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::1]:6881")}}
	if err := writeAnnounceTable(&out, reply); err != nil || !strings.Contains(out.String(), " [2001:db8::1]:6881\n") {
		t.Errorf("got %v, %s", err, out.String())
	}
}
