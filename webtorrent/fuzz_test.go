package webtorrent

import (
	"encoding/json"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shoal-tracker/shoal"
)

func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b) })
}

// checkParse compares Parse with the naive decoder, and sends what it has read
// through the relay.
func checkParse(t *testing.T, b []byte) {
	t.Helper()
	req, m := stale(), staleMessage()
	before := string(b)
	failure := Parse(b, &req, &m)
	wantReq, want, wantFailure := naiveParse([]byte(before))
	if failure != wantFailure {
		t.Fatalf("%q: %q, the naive parser says %q", before, failure.Error(), wantFailure.Error())
	}
	if m.Kind != want.Kind || string(m.InfoHashText) != string(want.InfoHashText) {
		t.Fatalf("%q: understood %v of %s, want %v of %s", before, m.Kind, m.InfoHashText, want.Kind, want.InfoHashText)
	}
	refused := AppendFailure(nil, m.Kind, m.InfoHashText, shoal.MessageInvalid)
	if r := relayed(t, refused); r.Kind != KindFailure || m.InfoHashText != nil && m.InfoHashText[0] != '"' {
		t.Fatalf("%q: refused by %s", before, refused)
	}
	if string(b) != before {
		t.Fatalf("%q was changed to %q", before, b)
	}
	if old := stale(); req.Addr != old.Addr || req.Link != old.Link || !req.FromProxy {
		t.Fatalf("%q: what only the connection knows was changed: %+v", before, req)
	}
	if failure != shoal.OK {
		return
	}
	if diff := cmp.Diff(want, m, compare); diff != "" {
		t.Fatalf("%q, wanted -, got +:\n%s", before, diff)
	}
	switch m.Kind {
	case KindScrape:
		return
	case KindAnswer:
		r := relayed(t, AppendAnswer(nil, &req.InfoHash, m.PeerIDText, m.OfferIDText, m.Answer))
		checkRelayed(t, r, Reply{Kind: KindAnswer, InfoHash: req.InfoHash, PeerID: req.PeerID, OfferID: m.OfferID, SDP: m.Answer})
	}
	if diff := cmp.Diff(wantReq, req, compare); diff != "" {
		t.Fatalf("%q, wanted -, got +:\n%s", before, diff)
	}
	for _, offer := range m.Offers {
		r := relayed(t, AppendOffer(nil, &req.InfoHash, m.PeerIDText, offer.IDText, offer.SDP))
		checkRelayed(t, r, Reply{Kind: KindOffer, InfoHash: req.InfoHash, PeerID: req.PeerID, OfferID: offer.ID, SDP: offer.SDP})
	}
	r := relayed(t, AppendAnnounceReply(nil, m.InfoHashText, &shoal.AnnounceResponse{Interval: 1, Complete: 2, Incomplete: 3}))
	checkRelayed(t, r, Reply{Kind: KindAnnounce, InfoHash: req.InfoHash, Interval: 1, Complete: 2, Incomplete: 3})
}

// relayed reads what a tracker has written.
func relayed(t *testing.T, b []byte) (r Reply) {
	t.Helper()
	if !json.Valid(b) {
		t.Fatalf("not valid JSON was written: %q", b)
	}
	if err := ParseReply(b, &r); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return r
}

func checkRelayed(t *testing.T, got, want Reply) {
	t.Helper()
	if diff := cmp.Diff(want, got, compare); diff != "" {
		t.Fatalf("on the other side, wanted -, got +:\n%s", diff)
	}
}

func FuzzParseReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) { checkReply(t, b) })
}

// checkReply compares ParseReply with the naive decoder.
func checkReply(t *testing.T, b []byte) {
	t.Helper()
	got := staleReply()
	err := ParseReply(b, &got)
	want, ok := naiveReply(b)
	if ok != (err == nil) {
		t.Fatalf("%q: %v, the naive reader says ok=%v", b, err, ok)
	}
	if diff := cmp.Diff(want, got, compare); ok && diff != "" {
		t.Fatalf("%q, wanted -, got +:\n%s", b, diff)
	}
}

func FuzzAppendText(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		text := AppendText([]byte("before"), b)[len("before"):]
		var got string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q became %q: %v", b, text, err)
		}
		var want strings.Builder
		for _, c := range b {
			want.WriteRune(rune(c))
		}
		if got != want.String() {
			t.Fatalf("%q became %q, which says %q", b, text, got)
		}
		// The same bytes, by the shortest way that encoding/json knows but for
		// what it escapes on account of HTML.
		var shortest strings.Builder
		e := json.NewEncoder(&shortest)
		e.SetEscapeHTML(false)
		if err := e.Encode(got); err != nil || string(text) != strings.TrimSuffix(shortest.String(), "\n") {
			t.Fatalf("%q became %q, encoding/json writes %q", b, text, shortest.String())
		}
	})
}

// What a client writes is what a server reads, and back.
func FuzzRoundTrip(f *testing.F) {
	f.Fuzz(func(t *testing.T, ids, sdp []byte, left uint64, numWant int32, event uint8) {
		var hash, id, to, offerID [20]byte
		for i, target := range []*[20]byte{&hash, &id, &to, &offerID} {
			if len(ids) > 20*i {
				copy(target[:], ids[20*i:])
			}
		}
		want := stale()
		want.InfoHash, want.PeerID, want.Claimed = hash, id, netip.Addr{}
		want.Left, want.NumWant, want.Event = left, max(int(numWant), shoal.NumWantDefault), shoal.Event(event%5)
		object := append(AppendText([]byte(`{"type":"offer","sdp":`), sdp[:min(len(sdp), 4000)]), '}')
		offers := []Offer{{ID: offerID, SDP: object}, {ID: to, SDP: Raw(`{}`)}}[:event%3]

		var m Message
		req := stale()
		parse := func(b []byte) {
			t.Helper()
			if failure := Parse(b, &req, &m); failure != shoal.OK {
				t.Fatalf("%q: %q", b, failure.Error())
			}
		}
		parse(AppendAnnounce(nil, &want, offers))
		if diff := cmp.Diff(want, req, compare); diff != "" {
			t.Fatalf("announce, wanted -, got +:\n%s", diff)
		}
		if m.Kind != KindAnnounce || len(m.Offers) != len(offers) {
			t.Fatalf("announce of %d offers became %+v", len(offers), m)
		}
		for i, offer := range m.Offers {
			if offer.ID != offers[i].ID || string(offer.SDP) != string(offers[i].SDP) {
				t.Fatalf("offer %+v became %+v", offers[i], offer)
			}
		}

		parse(AppendAnswerTo(nil, &want, to, offerID, object))
		if m.Kind != KindAnswer || req.InfoHash != hash || req.PeerID != id || m.ToPeerID != to || m.OfferID != offerID || string(m.Answer) != string(object) {
			t.Fatalf("answer became %+v", m)
		}

		hashes := []shoal.InfoHash{hash, id, to}[:1+event%3]
		parse(AppendScrape(nil, hashes))
		if diff := cmp.Diff(Message{Kind: KindScrape, Hashes: hashes}, m, compare); diff != "" {
			t.Fatalf("scrape, wanted -, got +:\n%s", diff)
		}
		counts := []shoal.ScrapeCounts{{Complete: uint32(left), Downloaded: uint32(left >> 32), Incomplete: uint32(numWant)}, {}, {Complete: math.MaxUint32}}[:len(hashes)]
		reply := relayed(t, AppendScrapeReply(nil, hashes, counts, uint32(event)))
		wantReply := Reply{Kind: KindScrape, MinInterval: uint32(event)}
		for i, hash := range hashes {
			wantReply.Files = append(wantReply.Files, File{hash, counts[i]})
		}
		checkRelayed(t, reply, wantReply)
	})
}

func TestCorpusReachesEveryFailure(t *testing.T) {
	met := map[shoal.Failure]bool{}
	kinds := map[Kind]bool{}
	for _, message := range corpus(t, "FuzzParse") {
		var req shoal.AnnounceRequest
		var m Message
		failure := Parse([]byte(message), &req, &m)
		met[failure] = true
		if failure == shoal.OK {
			kinds[m.Kind] = true
		}
	}
	for _, failure := range []shoal.Failure{
		shoal.OK, shoal.MessageInvalid, shoal.ActionInvalid, shoal.InfoHashMissing, shoal.MessageInfoHash,
		shoal.PeerIDMissing, shoal.MessagePeerID, shoal.MessageToPeerID, shoal.MessageOfferID,
		shoal.OffersInvalid, shoal.SDPTooLarge, shoal.ScrapeAll, shoal.ScrapeTooMany,
	} {
		if !met[failure] {
			t.Errorf("no message of the corpus gives %q", failure.Error())
		}
	}
	errors := map[string]bool{}
	for _, message := range corpus(t, "FuzzParseReply") {
		var r Reply
		if err := ParseReply([]byte(message), &r); err == nil {
			kinds[r.Kind] = true
		} else {
			// What stands before the message's own words tells them apart.
			said, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "reading a tracker's message: "), " ")
			errors[said] = true
		}
	}
	for kind := KindUnknown; kind <= KindFailure; kind++ {
		if !kinds[kind] {
			t.Errorf("the corpora hold no message of kind %v", kind)
		}
	}
	for _, said := range []string{"it", "info_hash", "peer_id", "offer_id", "offer", "answer", "files", "files,"} {
		if !errors[said] {
			t.Errorf("no message of the corpus gives an error of %q, but they give %v", said, errors)
		}
	}
}

// corpus returns the committed inputs of a fuzz target.
func corpus(t *testing.T, target string) (inputs []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus of %s: %v", target, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		quoted, ok := strings.CutPrefix(string(text), "go test fuzz v1\n[]byte(")
		quoted, closed := strings.CutSuffix(quoted, ")\n")
		input, err := strconv.Unquote(quoted)
		if !ok || !closed || err != nil {
			t.Fatalf("%s is not one []byte: %v", path, err)
		}
		inputs = append(inputs, input)
	}
	return inputs
}
