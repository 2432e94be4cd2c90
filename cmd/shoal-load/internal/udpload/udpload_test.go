package udpload

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/plan"
	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
	"github.com/shoal-tracker/shoal/udptracker"
)

// TestRequests reads the packets with the tracker's own parser.
func TestRequests(t *testing.T) {
	p := newPlan(t, nowhere)
	form := newTemplate(p)
	room := make([]byte, requestRoom(p))
	var peer population.Peer
	for number := range p.Population.Peers() {
		p.Population.Describe(number, &peer)
		b := room[:form.putAnnounce(room, 0x0102030405060708, 0xAABBCCDD, p.Population, &peer)]
		h, _ := udptracker.ParseHeader(b)
		if h != (udptracker.Header{ConnectionID: 0x0102030405060708, Action: 1, Transaction: 0xAABBCCDD}) {
			t.Fatalf("header %+v", h)
		}
		var got shoal.AnnounceRequest
		if failure := udptracker.ParseAnnounce(b, &got); failure != shoal.OK || len(b) != udptracker.AnnounceSize {
			t.Fatalf("peer %d: %d bytes, failure %v", number, len(b), failure)
		}
		want := shoal.AnnounceRequest{
			InfoHash: p.Population.Hash(0), PeerID: peer.ID, Left: peer.Left, NumWant: 2,
			Addr: netip.AddrPortFrom(netip.Addr{}, p.Population.Port(number)),
		}
		if got != want {
			t.Fatalf("peer %d announces %+v, want %+v", number, got, want)
		}
	}
	b := room[:putConnect(room, 7)]
	if want := unhex(t, "00 00 04 17 27 10 19 80  00 00 00 00  00 00 00 07"); string(b) != string(want) {
		t.Errorf("connect % x", b)
	}
	random := population.NewRandom(1)
	b = room[:putScrape(room, 1, 2, p.Population, 2, &random)]
	hashes, failure := udptracker.ParseScrape(b, nil)
	if failure != shoal.OK || len(hashes) != 2 || hashes[0] != p.Population.Hash(0) {
		t.Errorf("scrape of %v: %v", hashes, failure)
	}
}

// TestTake goes through what may come back. TTTTTTTT stands for the
// transaction of an announce that waits at socket 0.
func TestTake(t *testing.T) {
	const counts = " 00000708 00000001 00000001 "
	for _, test := range []struct {
		name   string
		kind   plan.Kind
		packet string
		wrong  string
	}{
		{"announce, nobody", plan.Announce, "00000001 TTTTTTTT" + counts, ""},
		{"announce, peer 0", plan.Announce, "00000001 TTTTTTTT" + counts + "7F400002 0400", ""},
		{"connect", plan.Connect, "00000000 TTTTTTTT 0102030405060708", ""},
		{"scrape", plan.Scrape, "00000002 TTTTTTTT" + "000000010000000200000003 000000010000000200000003", ""},
		{"empty", plan.Announce, "", "length"},
		{"seven bytes", plan.Announce, "00000001 TTTTTT", "length"},
		{"announce cut in its head", plan.Announce, "00000001 TTTTTTTT 00000708 00000001 000000", "length"},
		{"announce cut in a peer", plan.Announce, "00000001 TTTTTTTT" + counts + "7F400001 04", "length"},
		{"announce with three peers", plan.Announce, "00000001 TTTTTTTT" + counts + "7F4000010400 7F4000020400 7F4000030400", "peer_count"},
		{"announce with a stranger", plan.Announce, "00000001 TTTTTTTT" + counts + "7F400005 0400", "foreign_peer"},
		{"announce with peers and no counts", plan.Announce, "00000001 TTTTTTTT 00000708 00000000 00000000 7F400001 0400", "counts"},
		{"connect cut", plan.Connect, "00000000 TTTTTTTT 01020304050607", "length"},
		{"announce with more counted than there are", plan.Announce, "00000001 TTTTTTTT 00000708 FFFFFFFF FFFFFFFF", "counts"},
		{"announce with fewer counted than handed out", plan.Announce, "00000001 TTTTTTTT 00000708 00000001 00000000 7F400001 0400 7F400002 0400", "counts"},
		{"interval 0", plan.Announce, "00000001 TTTTTTTT 00000000 00000001 00000001", "interval"},
		{"interval below 0", plan.Announce, "00000001 TTTTTTTT FFFFFFFF 00000001 00000001", "interval"},
		{"a peer twice", plan.Announce, "00000001 TTTTTTTT" + counts + "7F400002 0400 7F400002 0400", "repeated_peer"},
		{"scrape of -1 seeders", plan.Scrape, "00000002 TTTTTTTT" + "000000010000000200000003 FFFFFFFF0000000200000003", "counts"},
		{"scrape of -1 completed", plan.Scrape, "00000002 TTTTTTTT" + "00000001FFFFFFFF00000003 000000010000000200000003", "counts"},
		{"scrape of -1 leechers", plan.Scrape, "00000002 TTTTTTTT" + "0000000100000002FFFFFFFF 000000010000000200000003", "counts"},
		{"scrape cut", plan.Scrape, "00000002 TTTTTTTT 00000001 00000002 000000", "length"},
		{"scrape of one of two", plan.Scrape, "00000002 TTTTTTTT 00000001 00000002 00000003", "length"},
		{"scrape of nothing", plan.Scrape, "00000002 TTTTTTTT", "length"},
		{"scrape of three", plan.Scrape, "00000002 TTTTTTTT" + "000000010000000200000003 000000010000000200000003 000000010000000200000003", "length"},
		{"scrape for announce", plan.Announce, "00000002 TTTTTTTT 00000001 00000002 00000003", "action"},
		{"announce for connect", plan.Connect, "00000001 TTTTTTTT" + counts, "action"},
		{"unknown action", plan.Announce, "00000004 TTTTTTTT" + counts, "action"},
		{"transaction 0, which nobody has", plan.Announce, "00000001 00000000" + counts, "transaction"},
		{"unknown slot", plan.Announce, "00000001 000FFFFF" + counts, "transaction"},
		{"unknown use of the slot", plan.Announce, "00000001 FFF00000" + counts, "transaction"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newSilent(t, newPlan(t, nowhere))
			transaction := w.table.take(0, 0, test.kind, 0)
			w.tally.Sent[test.kind]++
			packet := withTransaction(t, test.packet, transaction)
			w.take(packet, 0, 5000)
			wrong := wrongOf(w.tally)
			if test.wrong == "" {
				if len(wrong) > 0 || w.tally.Answered[test.kind] != 1 || w.table.waiting() != 0 || w.tally.Last != 5000 {
					t.Errorf("wrong %v, answered %v", wrong, w.tally.Answered)
				}
				return
			}
			if len(wrong) != 1 || wrong[test.wrong] != 1 || w.tally.Answered[test.kind] != 0 {
				t.Errorf("wrong %v, want %s", wrong, test.wrong)
			}
			// Of what came, only what belongs to the request answers it.
			if answered := 1 - w.table.waiting(); w.tally.Responses() != uint64(answered) {
				t.Errorf("%d responses, %d requests answered", w.tally.Responses(), answered)
			}
		})
	}
}

func withTransaction(t *testing.T, text string, transaction uint32) []byte {
	t.Helper()
	id := fmt.Sprintf("%08x", transaction)
	return unhex(t, strings.NewReplacer("TTTTTTTT", id, "TTTTTT", id[:6]).Replace(text))
}

func TestConnectRenews(t *testing.T) {
	w := newSilent(t, newPlan(t, nowhere))
	s := w.sockets[0]
	if s.expired(idLife-1) || !s.expired(idLife+1) {
		t.Error("a connection ID lives a minute")
	}
	transaction := w.table.take(0, 0, plan.Announce, 0)
	w.take(withTransaction(t, "00000003 TTTTTTTT 68656C6C6F", transaction), 0, 1)
	if w.tally.Errors != 1 || w.tally.Responses() != 1 || !s.expired(idRetry+1) || w.sockets[1].expired(idRetry+1) {
		t.Errorf("%d errors, stale %v", w.tally.Errors, s.stale)
	}
	now := idRetry + 1
	w.pace = w.plan.NewPace(0, now)
	if err := w.sendDue(now); err != nil || w.tally.Sent[plan.Connect] != 1 {
		t.Fatalf("%d connects after an error, %v", w.tally.Sent[plan.Connect], err)
	}
	transaction = uint32(0)
	for i := range w.table.slots {
		if sl := &w.table.slots[i]; sl.live && sl.kind == plan.Connect {
			transaction = w.table.transaction(uint32(i))
		}
	}
	w.take(withTransaction(t, "00000000 TTTTTTTT 0102030405060708", transaction), 0, now+1)
	if s.id != 0x0102030405060708 || s.stale || s.expired(now+1+idRetry) {
		t.Errorf("connection ID %x, stale %v", s.id, s.stale)
	}
}

// TestTable: an answer is for one request, at one socket, once; one to a
// request that was given up is late.
func TestTable(t *testing.T) {
	table := newTable(2)
	a := table.take(10, 0, plan.Announce, 1)
	b := table.take(20, 1, plan.Announce, 2)
	if s, _ := table.find(a, 0); s == nil || s.peer != 1 {
		t.Error("a request that waits is not found")
	}
	if s, late := table.find(a, 1); s != nil || late {
		t.Error("found at another socket")
	}
	table.release(a)
	if s, late := table.find(a, 0); s != nil || late {
		t.Error("found after it was answered")
	}
	c := table.take(30, 0, plan.Announce, 3)
	if c == a {
		t.Error("a transaction ID is used twice in a row")
	}
	lost := []uint64{}
	table.expire(20, func(s *slot) { lost = append(lost, s.peer) })
	if len(lost) != 1 || lost[0] != 2 || table.waiting() != 1 {
		t.Errorf("given up: %v, waiting: %d", lost, table.waiting())
	}
	if s, late := table.find(b, 1); s != nil || !late {
		t.Error("an answer to what was given up is not late")
	}
	table.take(40, 1, plan.Announce, 4)
	if s, late := table.find(b, 1); s != nil || !late {
		t.Error("an answer to what was given up is not late when its slot is used again")
	}
}

// TestLate: what was given up is late for good, however often its slot is used
// and given up after it; what was answered is not.
func TestLate(t *testing.T) {
	table := newTable(3)
	answered := table.take(0, 0, plan.Announce, 0)
	table.release(answered)
	given := []uint32{}
	for at := int64(1); len(given) < 30; at++ {
		given = append(given, table.take(at, 0, plan.Announce, 0))
		table.expire(at, func(*slot) {})
	}
	after := table.take(100, 0, plan.Announce, 0)
	table.release(after)
	for range 1000 {
		table.release(table.take(200, 0, plan.Announce, 0))
	}
	for _, id := range given {
		if s, late := table.find(id, 0); s != nil || !late {
			t.Errorf("transaction %08x was given up, and is not late", id)
		}
	}
	last := table.take(300, 0, plan.Announce, 0)
	for name, id := range map[string]uint32{"answered before": answered, "answered after": after, "to come": last + 4, "never used": 0} {
		if s, late := table.find(id, 0); s != nil || late {
			t.Errorf("a transaction that was %s: %v, late %v", name, s, late)
		}
	}
}

// TestFIFO: a slot that was answered is used again after all that were free
// before it, so that its IDs last.
func TestFIFO(t *testing.T) {
	table := newTable(5)
	held := table.take(0, 0, plan.Announce, 0)
	for range 3 {
		slots := map[uint32]bool{}
		for range 4 {
			id := table.take(0, 0, plan.Announce, 0)
			slots[table.slotOf(id)] = true
			table.release(id)
		}
		if len(slots) != 4 || slots[table.slotOf(held)] {
			t.Errorf("four requests, one after the other, have the slots %v of five, one of them taken", slots)
		}
	}
	one := newTable(1)
	for want := range uint32(3) {
		if id := one.take(0, 0, plan.Announce, 0); id != want+1 {
			t.Errorf("a table of one slot gives ID %d, want %d", id, want+1)
		}
		one.release(0)
	}
}

// TestFillIsWhole: an open loop that has no room for all that is due leaves
// nobody out when every peer has to be announced.
func TestFillIsWhole(t *testing.T) {
	p := newPlan(t, nowhere)
	p.Rate, p.Timeout, p.Fill = 1000, time.Second, true
	var err error
	p.Population, err = population.New(population.Config{Peers: 10_000, Torrents: 1, Seed: 1, Sources: p.Sources})
	if err != nil {
		t.Fatal(err)
	}
	w := newSilent(t, p)
	seen := map[uint64]bool{}
	for range 100 {
		if err := w.sendDue(int64(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if w.table.room() == 0 && w.patience(int64(20*time.Second)) == 0 {
			t.Fatal("waits for no answer, although there is no room without one")
		}
		for i := range w.table.slots {
			if s := &w.table.slots[i]; s.live {
				seen[s.peer] = true
				w.table.release(w.table.transaction(uint32(i)))
			}
		}
	}
	if len(seen) != 10_000 || w.tally.Missed != 0 || !w.pace.Ended(int64(20*time.Second)) {
		t.Errorf("%d of 10000 announced, %d missed", len(seen), w.tally.Missed)
	}
}

// TestRoundRobin: batches go over all sockets, however few requests there are.
func TestRoundRobin(t *testing.T) {
	w := newSilent(t, newPlan(t, nowhere))
	at := map[int]int{}
	for now := range int64(8) {
		if err := w.sendDue(now); err != nil {
			t.Fatal(err)
		}
		for i := range w.table.slots {
			if s := &w.table.slots[i]; s.live {
				at[int(s.socket)]++
				if w.pop.Source(s.peer) != w.sockets[s.socket].source {
					t.Fatalf("peer %d announces from socket %d", s.peer, s.socket)
				}
				w.table.release(uint32(i))
			}
		}
	}
	if len(at) != len(w.sockets) {
		t.Errorf("requests by socket: %v", at)
	}
}

// TestSilenceIsLost: what is not answered is lost, and others take its place.
func TestSilenceIsLost(t *testing.T) {
	p := newPlan(t, nowhere)
	p.Timeout = time.Second
	w := newSilent(t, p)
	step := int64(w.plan.Timeout) + 1
	for now := int64(0); now < 3*step; now += step {
		if err := w.sendDue(now); err != nil {
			t.Fatal(err)
		}
		w.sweep(now + step)
	}
	if w.tally.Lost != 300 || w.engine.(*silence).packets != 300 {
		t.Errorf("%d lost of %d sent", w.tally.Lost, w.engine.(*silence).packets)
	}
}

// TestOverrun: in an open loop, what there is no room to wait for is missed,
// not put off.
func TestOverrun(t *testing.T) {
	p := newPlan(t, nowhere)
	p.Rate, p.Timeout = 1000, time.Second
	w := newSilent(t, p)
	now := int64(5 * time.Second)
	if err := w.sendDue(now); err != nil {
		t.Fatal(err)
	}
	sent := w.tally.Sent[plan.Announce]
	if room := uint64(len(w.table.slots)); sent != room || w.tally.Missed != 5001-room {
		t.Errorf("%d sent into room for %d, %d missed", sent, room, w.tally.Missed)
	}
}

// TestHugeRates: a rate that no machine reaches is counted, not gone through one
// by one, and has a table like any other.
func TestHugeRates(t *testing.T) {
	for _, rate := range []float64{1e9, 1e19, 1e300} {
		p := newPlan(t, nowhere)
		p.Rate = rate
		if n := inFlight(p, 0); n != maxSlots {
			t.Errorf("rate %v: room for %d", rate, n)
		}
	}
	p := newPlan(t, nowhere)
	p.Rate, p.Duration = 1e9, 10*time.Hour
	w := newSilent(t, p)
	now := int64(9 * time.Hour) // 3.24e13 are due: hours, if each is looked at
	if err := w.sendDue(now); err != nil {
		t.Fatal(err)
	}
	sent, want := w.tally.Sent[plan.Announce]+w.tally.Sent[plan.Connect], uint64(now)+1
	if sent != turnSize {
		t.Errorf("%d sent before the time and the answers are looked at, want %d", sent, turnSize)
	}
	if w.patience(now) != 0 {
		t.Error("waits for answers, although more is due")
	}
	if left := uint64(w.pace.Due(now, w.table.room())); sent+w.tally.Missed+left != want {
		t.Errorf("%d sent, %d missed, %d still due of %d", sent, w.tally.Missed, left, want)
	}
}

// TestSecondAnswer: a second answer to a request is wrong, and no response.
func TestSecondAnswer(t *testing.T) {
	w := newSilent(t, newPlan(t, nowhere))
	packet := withTransaction(t, "00000001 TTTTTTTT 00000708 00000001 00000001", w.table.take(0, 0, plan.Announce, 0))
	w.take(packet, 0, 1)
	w.take(packet, 0, 2)
	if w.tally.Responses() != 1 || w.tally.Stray != 1 || wrongOf(w.tally)["transaction"] != 1 {
		t.Errorf("%d responses, %d strays, wrong %v", w.tally.Responses(), w.tally.Stray, wrongOf(w.tally))
	}
}
