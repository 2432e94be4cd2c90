package httpload

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
	"github.com/shoal-tracker/shoal/httptracker"
)

// newPlan returns a plan of 100 peers of one torrent, at 127.64.0.1 to 4.
func newPlan(t testing.TB, target netip.AddrPort) *plan.Plan {
	t.Helper()
	p := &plan.Plan{
		Target: target, Duration: 10 * time.Second, Connections: 10, Workers: 1, Timeout: 10 * time.Second,
		NumWant: 2, Hashes: 2, Seed: 1, Alone: true, Host: "tracker.example:6969", Path: "/announce",
	}
	for a := netip.MustParseAddr("127.64.0.1"); len(p.Sources) < 4; a = a.Next() {
		p.Sources = append(p.Sources, a)
	}
	var err error
	p.Population, err = population.New(population.Config{Peers: 100, Torrents: 1, Seed: 1, Sources: p.Sources})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var nowhere = netip.MustParseAddrPort("127.0.0.1:9")

func summary(tally *report.Tally) *report.Summary {
	return report.Summarize("", &plan.Plan{}, tally, 1, 1)
}

func TestRead(t *testing.T) {
	hash, other, stranger := strings.Repeat("h", 20), strings.Repeat("i", 20), strings.Repeat("j", 20)
	asked := []shoal.InfoHash{shoal.InfoHash([]byte(other)), shoal.InfoHash([]byte(hash))}
	for _, test := range []struct {
		name, body string
		scrape     bool
		err        error
	}{
		{"announce", "d8:completei1e10:incompletei2e8:intervali9e5:peers6:abcdefe", false, nil},
		{"without peers", "d8:intervali9e5:peers0:e", false, nil},
		{"unknown keys", "d1:ali1ee8:intervali9e5:peers0:1:zd1:a1:bee", false, nil},
		{"refusal", "d14:failure reason4:nopee", false, nil},
		{"scrape", "d5:filesd20:" + hash + "d8:completei1eeee", true, nil},
		{"scrape of nothing known", "d5:filesdee", true, nil},
		{"empty", "", false, errNoDict},
		{"list", "le", false, errNoDict},
		{"no interval", "d5:peers0:e", false, errInterval},
		{"interval 0", "d8:intervali0e5:peers0:e", false, errInterval},
		{"no peers", "d8:intervali9ee", false, errPeers},
		{"peers in dictionaries", "d8:intervali9e5:peerslee", false, errPeers},
		{"negative count", "d8:completei-1e8:intervali9e5:peers0:e", false, errCount},
		{"scrape without files", "de", true, errFiles},
		{"files in a list", "d5:fileslee", true, errFiles},
		{"short hash", "d5:filesd3:abcdeee", true, errFiles},
		{"scrape of both", "d5:filesd20:" + hash + "de20:" + other + "deee", true, nil},
		{"more torrents than asked for", "d5:filesd20:" + hash + "de20:" + hash + "de20:" + hash + "deee", true, errUnasked},
		{"another torrent than those asked for", "d5:filesd20:" + hash + "de20:" + stranger + "deee", true, errUnasked},
		{"files in an announce", "d5:filesd20:" + hash + "dee8:intervali9e5:peers0:e", false, nil},
		{"scrape of -7 seeders", "d5:filesd20:" + hash + "d8:completei-7eeee", true, errCount},
		{"scrape of -7 completed", "d5:filesd20:" + hash + "d10:downloadedi-7eeee", true, errCount},
		{"scrape of -7 leechers", "d5:filesd20:" + hash + "d10:incompletei-7eeee", true, errCount},
		{"scrape of a torrent that is a number", "d5:filesd20:" + hash + "i1eee", true, errFiles},
		{"unknown keys of a torrent", "d5:filesd20:" + hash + "d8:completei1e4:name1:xeee", true, nil},
		{"files cut", "d5:filesd20:" + hash, true, errFiles},
	} {
		var a answer
		of := asked
		if !test.scrape {
			of = nil
		}
		if err := a.read([]byte(test.body), of); !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", test.name, err, test.err)
		}
	}
	for _, body := range []string{"d8:intervali9e5:peers0:", "d8:intervali9e5:peers0:ee", "di1e1:ae", "d1:a"} {
		var a answer
		if a.read([]byte(body), nil) == nil {
			t.Errorf("%q: no error", body)
		}
	}
}

// TestAnswered holds every kind of answer to what it is counted as.
func TestAnswered(t *testing.T) {
	const counts = "8:completei1e10:incompletei1e8:intervali9e"
	for _, test := range []struct {
		name   string
		status int
		body   string
		wrong  string
	}{
		{"nobody", 200, "d" + counts + "5:peers0:e", ""},
		{"a peer", 200, "d" + counts + "5:peers6:\x7F\x40\x00\x02\x04\x00e", ""},
		{"a stranger", 200, "d" + counts + "5:peers6:\x7F\x40\x00\x09\x04\x00e", "foreign_peer"},
		{"five bytes", 200, "d" + counts + "5:peers5:\x7F\x40\x00\x01\x04e", "length"},
		{"three peers", 200, "d" + counts + "5:peers18:abcdefabcdefabcdefe", "peer_count"},
		{"fewer counted than handed out", 200, "d8:completei1e8:intervali9e5:peers12:\x7F\x40\x00\x01\x04\x00\x7F\x40\x00\x02\x04\x00e", "counts"},
		{"more counted than there are", 200, "d8:completei99e10:incompletei9223372036854775807e8:intervali9e5:peers0:e", "counts"},
		{"a peer twice", 200, "d" + counts + "5:peers12:\x7F\x40\x00\x02\x04\x00\x7F\x40\x00\x02\x04\x00e", "repeated_peer"},
		{"an interval of centuries", 200, "d8:completei1e8:intervali2147483648e5:peers0:e", "interval"},
		{"no bencode", 200, "<html>", "bencode"},
		{"status", 503, "d" + counts + "5:peers0:e", "status"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorker(newPlan(t, nowhere), 0, report.NewLive(1))
			w.answered(&job{}, &response{status: test.status, length: len(test.body)}, []byte(test.body), 5000)
			got := summary(w.tally)
			if test.wrong == "" && (got.Wrong != 0 || got.Answered["announce"] != 1) || test.wrong != "" && (got.Wrong != 1 || got.WrongBy[test.wrong] != 1) {
				t.Errorf("wrong %v, answered %v", got.WrongBy, got.Answered)
			}
			if got.Responses != 1 || w.tally.Last != 5000 {
				t.Errorf("%d responses, last at %d", got.Responses, w.tally.Last)
			}
		})
	}
	w := newWorker(newPlan(t, nowhere), 0, report.NewLive(1))
	w.answered(&job{}, &response{status: 200}, []byte("d14:failure reason4:nopee"), 1)
	if got := summary(w.tally); got.Errors != 1 || got.Texts["nope"] != 1 {
		t.Errorf("%+v", got)
	}
}

// TestRequests reads the queries with the tracker's own parser.
func TestRequests(t *testing.T) {
	p := newPlan(t, nowhere)
	p.Path = "/announce?passkey=k"
	w := newWorker(p, 0, report.NewLive(1))
	var peer population.Peer
	for number := range p.Population.Peers() {
		p.Population.Describe(number, &peer)
		text := string(w.write(nil, &job{peer: number}))
		line, rest, _ := strings.Cut(text, "\r\n")
		query, ok := strings.CutPrefix(strings.TrimSuffix(line, " HTTP/1.1"), "GET /announce?passkey=k&")
		if !ok || rest != "Host: tracker.example:6969\r\nUser-Agent: shoal-load\r\nConnection: close\r\n\r\n" {
			t.Fatalf("request %q", text)
		}
		var got shoal.AnnounceRequest
		var form httptracker.Form
		if failure := httptracker.ParseAnnounce([]byte(query), &got, &form); failure != shoal.OK {
			t.Fatalf("%q: %v", query, failure)
		}
		want := shoal.AnnounceRequest{
			InfoHash: p.Population.Hash(0), PeerID: peer.ID, Left: peer.Left, NumWant: 2,
			Addr: netip.AddrPortFrom(got.Addr.Addr(), peer.Port),
		}
		if got != want || form.Dictionary {
			t.Fatalf("peer %d announces %+v, want %+v", number, got, want)
		}
	}
	text := string(w.write(nil, &job{kind: plan.Scrape}))
	if !strings.HasPrefix(text, "GET /scrape?passkey=k&info_hash=") || strings.Count(text, "info_hash=") != 2 {
		t.Errorf("scrape %q", text)
	}
}

func TestScrapePath(t *testing.T) {
	for announce, want := range map[string]string{
		"/announce":           "/scrape",
		"/announce.php?x=1/2": "/scrape.php?x=1/2",
		"/k/announce":         "/k/scrape",
		"/announce/k":         "/announce/k", // BEP 48 knows no scrape of it
		"/x":                  "/x",
	} {
		if got := scrapePath(announce); got != want {
			t.Errorf("%s: %s, want %s", announce, got, want)
		}
	}
}

// TestScrapeCounts: a scrape counts no more than there may be.
func TestScrapeCounts(t *testing.T) {
	for _, test := range []struct{ counts, wrong string }{
		{"8:completei40e10:downloadedi2147483647e10:incompletei60e", ""},
		{"8:completei40e10:incompletei61e", "counts"},
		{"10:incompletei99999999999e", "counts"},
		{"8:completei9223372036854775807e10:incompletei9223372036854775807e", "counts"},
		{"10:downloadedi2147483648e", "counts"},
		{"8:completei-7e", "bencode"},
	} {
		w := newWorker(newPlan(t, nowhere), 0, report.NewLive(1))
		j := job{kind: plan.Scrape}
		body := "d5:filesd20:" + string(w.asked(&j)[0][:]) + "d" + test.counts + "eee"
		w.answered(&j, &response{status: 200, length: len(body)}, []byte(body), 1)
		got := summary(w.tally)
		if test.wrong == "" && (got.Wrong != 0 || got.Answered["scrape"] != 1) || test.wrong != "" && (got.Wrong != 1 || got.WrongBy[test.wrong] != 1) {
			t.Errorf("%s: wrong %v, answered %v", test.counts, got.WrongBy, got.Answered)
		}
	}
}
