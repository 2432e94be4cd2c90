package swarm

import (
	"testing"
	"time"
	"unsafe"

	"github.com/shoal-tracker/shoal"
)

// A torrent has extra lines for the families it has, whatever the order in which
// they come and go, and nothing of them once they have gone.
func TestExtraLines(t *testing.T) {
	if unsafe.Sizeof(line{}) != unitBytes || unsafe.Sizeof(extra{}) != unitBytes {
		t.Fatalf("a line has %d bytes, an extra line %d, want %d", unsafe.Sizeof(line{}), unsafe.Sizeof(extra{}), unitBytes)
	}
	orders := [][3]int{}
	for _, a := range sizes {
		for _, b := range sizes {
			for _, c := range sizes {
				if a != b && b != c && a != c {
					orders = append(orders, [3]int{a, b, c})
				}
			}
		}
	}
	for _, details := range []bool{false, true} {
		for _, peers := range []int{1, 5, 40, 700} {
			for _, come := range orders {
				for _, leave := range orders {
					checkComeAndGo(t, details, peers, come, leave)
				}
			}
		}
	}
}

func checkComeAndGo(t *testing.T, details bool, peers int, come, leave [3]int) {
	t.Helper()
	s := New(Config{PeerTimeout: time.Hour, Details: details})
	sh := s.shardOf(&shoal.InfoHash{})
	say := func(family int, event shoal.Event) (res shoal.AnnounceResponse) {
		for n := range peers {
			req := shoal.AnnounceRequest{Left: 1, Event: event}
			req.Addr, req.Link = addrOf(family, uint32(n))
			s.Announce(&req, &res, 1)
		}
		return res
	}
	here := make(map[int]bool)
	check := func() {
		t.Helper()
		want, browsers, lines := 0, 0, 0
		for family := range here {
			want += peers
			if family == sizeLink {
				browsers = peers
			}
			if family != size4 {
				lines++
			}
		}
		if got := s.Totals(); got.Peers != want || got.Browsers != browsers {
			t.Errorf("come %v, go %v: with %v there are %+v", come, leave, here, got)
		}
		if got := account(s)["extra lines"]; got != lines*unitBytes {
			t.Errorf("come %v, go %v: with %v extra lines take %d bytes", come, leave, here, got)
		}
		if err := checkIntegrity(s); err != nil {
			t.Fatalf("come %v, go %v: with %v: %v", come, leave, here, err)
		}
	}
	for _, family := range come {
		say(family, 0)
		here[family] = true
		check()
	}
	sh.arena.retire() // all three lines move
	s.sweep(sh, 1)
	hash := s.hash(&shoal.InfoHash{})
	for _, size := range [...]int{size6, sizeLink} {
		if r := *sh.extraRef(sh.line(sh.find(&hash)), size); sh.arena.old(r) {
			t.Errorf("come %v: the extra line for %d bytes is left in an old region", come, size)
		}
	}
	check()
	for _, family := range leave {
		if res := say(family, shoal.EventStopped); family == sizeLink && res.Incomplete != 0 {
			t.Errorf("the last browser is told of %d others", res.Incomplete)
		}
		delete(here, family)
		check()
	}
	if got := s.Totals(); got.Torrents != 0 || sh.arena.live != pageUnits {
		t.Errorf("come %v, go %v: in the end %+v, %d units", come, leave, got, sh.arena.live)
	}
}

// One kind of a torrent times out, the others stay; what the crowd filled is given
// back, and the regions it lay in.
func TestBrowsersTimeOut(t *testing.T) {
	for _, stays := range sizes {
		s := New(Config{PeerTimeout: 100 * time.Second})
		say := func(family, from, to int, now shoal.Tick) {
			for n := from; n < to; n++ {
				req := shoal.AnnounceRequest{Left: uint64(n % 2)}
				req.Addr, req.Link = addrOf(family, uint32(n))
				var res shoal.AnnounceResponse
				s.Announce(&req, &res, now)
			}
		}
		for _, family := range sizes {
			say(family, 0, 9000, 0)
		}
		for n := range 5000 { // and torrents with one of each
			for _, family := range sizes {
				req := shoal.AnnounceRequest{InfoHash: shoal.InfoHash{8, byte(n >> 8), byte(n)}, Left: 1}
				req.Addr, req.Link = addrOf(family, uint32(n))
				var res shoal.AnnounceResponse
				s.Announce(&req, &res, 0)
			}
		}
		held := func() int { return liveBytes(s) - account(s)["table"] }
		most := held()
		for seconds := shoal.Tick(0); seconds < 300; seconds += 5 {
			say(stays, 0, 500, seconds*1000)
			for i := range s.shards {
				s.sweep(&s.shards[i], seconds*1000)
			}
		}
		got, browsers := s.Totals(), 0
		if stays == sizeLink {
			browsers = 500
		}
		if got.Peers != 500 || got.Browsers != browsers || got.Torrents != 1 || held() > most/8 {
			t.Errorf("of %d bytes 500 stay: %+v in %d bytes, %d at most", stays, got, held(), most)
		}
		if err := checkIntegrity(s); err != nil {
			t.Errorf("of %d bytes 500 stay: %v", stays, err)
		}
	}
}

// The hints of a batch look for IPv6 peers where those are, not on the line of the
// browsers.
func TestHintsPassBrowsersOver(t *testing.T) {
	for _, c := range []struct {
		name string
		come []int
		want bool // that there is a line to fetch for somebody from IPv6
	}{
		{"browsers alone", []int{sizeLink}, false},
		{"browsers and IPv4", []int{sizeLink, size4}, false},
		{"browsers, then IPv6", []int{sizeLink, size6}, true},
		{"IPv6, then browsers", []int{size6, sizeLink}, true},
	} {
		s := New(Config{PeerTimeout: time.Hour})
		for _, family := range c.come {
			for n := range 100 {
				req := shoal.AnnounceRequest{Left: 1}
				req.Addr, req.Link = addrOf(family, uint32(n))
				var res shoal.AnnounceResponse
				s.Announce(&req, &res, 1)
			}
		}
		hash := s.hash(&shoal.InfoHash{})
		sh := s.shardOf(&shoal.InfoHash{})
		l := sh.line(sh.find(&hash))
		h := hints{store: s, segments: *s.memory.segments.Load()}
		step := hint{six: true, at: sh.find(&hash)}
		h.family(&step)
		want := ref(0)
		if c.want {
			want = *sh.extraRef(l, size6)
		}
		if step.at != want {
			t.Errorf("%s: the hint leads to %#x, want %#x", c.name, step.at, want)
		}
		if h.extra(&step); c.want && step.header != *headerOf(sh.extra(want).area[:]) {
			t.Errorf("%s: the hint read %+v", c.name, step.header)
		}
	}
}
