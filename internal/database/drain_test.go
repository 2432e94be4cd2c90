package database

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// A journal is a log that tests read.
type journal struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.lock.Lock()
	defer j.lock.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.lock.Lock()
	defer j.lock.Unlock()
	return j.text.String()
}

func (j *journal) count(level string) int { return strings.Count(j.String(), "level="+level+" ") }

// A source counts what happens, for a drain to gather.
type source struct {
	lock      sync.Mutex
	pending   Batch
	completed uint32
	total     uint64
	keys      []shoal.AuthKey
}

func (s *source) happen() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.completed++
	s.total++
	s.pending.SetCompleted(hashOf(int(s.completed%50)), s.completed)
	s.pending.AddTotal("x", 1)
	for _, key := range s.keys {
		s.pending.AddAccount(key, 1, 2)
	}
}

func (s *source) gather(into *Batch) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for hash, n := range s.pending.Completed {
		into.SetCompleted(hash, n)
	}
	for key, a := range s.pending.Accounts {
		into.AddAccount(key, a.Uploaded, a.Downloaded)
	}
	for name, n := range s.pending.Totals {
		into.AddTotal(name, n)
	}
	s.pending = Batch{}
}

// quick makes a drain impatient, for tests.
func quick(d *Drain) *Drain {
	d.every, d.shortest, d.longest = 5*time.Millisecond, time.Millisecond, 10*time.Millisecond
	d.last, d.most = time.Minute, 7
	return d
}

// until waits for what must come.
func until(t *testing.T, what string, come func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !come(); {
		if time.Now().After(end) {
			t.Fatal("waited in vain until", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// testGone takes the database away from a drain twice, under load.
func testGone(t *testing.T, p place) {
	c := p.fresh(t)
	direct := open(t, c)
	through, wall := p.away(t, c)
	d := open(t, through)
	if p.name == "sqlite" { // as long as it takes another process to let go
		_, err := d.write.Exec("PRAGMA busy_timeout = 5")
		must(t, err)
	}
	events := &source{}
	for i := range 3 {
		must(t, direct.AddKeys(t.Context(), "tester", Key{Key: keyOf(i)}))
		events.keys = append(events.keys, shoal.ParseAuthKey([]byte(keyOf(i))))
	}
	log := &journal{}
	drain := quick(NewDrain(d, events.gather, slog.New(slog.NewTextHandler(log, nil))))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { drain.Run(ctx) })
	load, endLoad := context.WithCancel(ctx)
	work.Go(func() {
		for load.Err() == nil {
			events.happen()
			time.Sleep(100 * time.Microsecond)
		}
	})
	written := func() uint64 {
		n, err := direct.Total(t.Context(), "x")
		must(t, err)
		return n
	}
	until(t, "something is written", func() bool { return written() > 0 })
	for outage := 1; outage <= 2; outage++ {
		wall.shut()
		until(t, "there is a warning", func() bool { return log.count("WARN") == outage })
		stands := written()
		before := func() uint64 { events.lock.Lock(); defer events.lock.Unlock(); return events.total }()
		until(t, "more has happened", func() bool {
			events.lock.Lock()
			defer events.lock.Unlock()
			return events.total > before+500
		})
		equal(t, "written while nothing can be", written(), stands)
		if drain.Unsaved() == 0 {
			t.Error("nothing is kept")
		}
		if outage == 2 {
			wall.muffle(3)
		}
		wall.open()
		until(t, "it is back", func() bool { return log.count("INFO") == outage })
		until(t, "more is written", func() bool { return written() > before })
	}
	endLoad()
	stop()
	work.Wait()
	equal(t, "unsaved", drain.Unsaved(), 0)
	wantTotal(t, direct, "x", events.total)
	for _, key := range events.keys {
		wantAccount(t, direct, key, events.total, 2*events.total)
	}
	most := uint32(0)
	for _, n := range allCompleted(t, direct) {
		most = max(most, n)
	}
	equal(t, "completed", most, events.completed)
	equal(t, "log", fmt.Sprint(log.count("WARN"), log.count("INFO"), log.count("ERROR")), "2 2 0")
	t.Logf("%d events, two outages\n%s", events.total, log)
}

// A shelf is a database that fails as it likes: before it writes, or behind.
type shelf struct {
	random    *rand.Rand
	sequences map[string]uint64
	numbers   map[uint64]string // what stood under a number when it came first
	has       Batch
	away      bool
	broken    string
}

func (s *shelf) write(_ context.Context, writer string, sequence uint64, b *Batch) error {
	text := fmt.Sprint(*b)
	if was, ok := s.numbers[sequence]; ok && was != text {
		s.broken = fmt.Sprintf("number %d was %s and is %s", sequence, was, text)
	}
	s.numbers[sequence] = text
	fate := s.random.IntN(4)
	if s.away || fate == 0 {
		return errors.New("no connection")
	}
	if s.sequences[writer] < sequence {
		s.sequences[writer] = sequence
		for hash, n := range b.Completed {
			s.has.SetCompleted(hash, n)
		}
		for key, a := range b.Accounts {
			s.has.AddAccount(key, a.Uploaded, a.Downloaded)
		}
		for name, n := range b.Totals {
			s.has.AddTotal(name, n)
		}
	}
	if fate == 1 {
		return errors.New("connection lost")
	}
	return nil
}

// TestDrainOnce holds a drain to counting everything once, whatever becomes of
// its tries, and to leaving a batch as it is once it has a number.
func TestDrainOnce(t *testing.T) {
	for seed := range uint64(60) {
		s := &shelf{random: rand.New(rand.NewPCG(seed, 1)), sequences: map[string]uint64{}, numbers: map[uint64]string{}}
		events := &source{keys: []shoal.AuthKey{{1}, {2}}}
		log := &journal{}
		d := &Drain{write: s.write, gather: events.gather, log: slog.New(slog.NewTextHandler(log, nil)), writer: "w", most: 1 + int(seed%60), patience: time.Minute}
		for range 100 {
			for range s.random.IntN(5) {
				events.happen()
			}
			s.away = s.random.IntN(3) == 0
			d.collect()
			d.flush(t.Context())
		}
		s.away = false
		until(t, "all is written", func() bool { return d.flush(t.Context()) == nil })
		equal(t, "changed with a number", s.broken, "")
		equal(t, "unsaved", d.Unsaved(), 0)
		if got, want := s.has.Totals["x"], events.total; got != want {
			t.Fatalf("seed %d: %d counted, want %d", seed, got, want)
		}
		for _, key := range events.keys {
			equal(t, "account", s.has.Accounts[key], Account{key, events.total, 2 * events.total})
		}
		equal(t, "infos, one for each warning", log.count("INFO"), log.count("WARN"))
		equal(t, "errors", log.count("ERROR"), 0)
	}
}

// TestDrainEnds has a drain whose context is over write what it has, or say what
// it could not.
func TestDrainEnds(t *testing.T) {
	tests := []struct {
		name  string
		fails int // how often, at the end
		want  string
	}{
		{"at once", 0, "0 0 0"},
		{"after two more tries", 2, "1 1 0"},
		{"never", 1 << 30, "1 0 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			events := &source{keys: []shoal.AuthKey{{1}}}
			log := &journal{}
			var has uint64
			fails := test.fails
			d := quick(&Drain{gather: events.gather, log: slog.New(slog.NewTextHandler(log, nil)), patience: time.Minute})
			d.most = 1000
			if fails > 2 {
				d.last = 50 * time.Millisecond
			}
			d.write = func(ctx context.Context, _ string, _ uint64, b *Batch) error {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("a try that could last for ever")
				}
				if fails--; fails >= 0 {
					return errors.New("no connection")
				}
				has += b.Totals["x"]
				return nil
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			events.happen()
			events.happen()
			d.Run(ctx)
			equal(t, "log", fmt.Sprint(log.count("WARN"), log.count("INFO"), log.count("ERROR")), test.want)
			if test.fails > 2 {
				for _, want := range []string{"torrents=2", "keys=1", "totals=1", "no connection"} {
					if !strings.Contains(log.String(), want) {
						t.Errorf("%s lacks %s", log, want)
					}
				}
				return
			}
			equal(t, "written", has, 2)
		})
	}
}

func TestBatchTake(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var whole, parts Batch
		for range random.IntN(60) {
			switch n := random.IntN(20); random.IntN(3) {
			case 0:
				whole.SetCompleted(hashOf(n), random.Uint32())
			case 1:
				whole.AddAccount(shoal.AuthKey{byte(n)}, random.Uint64N(9), random.Uint64N(9))
			case 2:
				whole.AddTotal(fmt.Sprint(n), random.Uint64N(9))
			}
		}
		want := fmt.Sprint(whole.Completed, whole.Accounts, whole.Totals)
		most := 1 + random.IntN(30)
		for whole.Len() > 0 {
			part := whole.take(most)
			if n := part.Len(); n == 0 || n > most {
				t.Fatalf("%d taken, at most %d", n, most)
			}
			for hash, n := range part.Completed {
				parts.SetCompleted(hash, n)
			}
			for key, a := range part.Accounts {
				parts.AddAccount(key, a.Uploaded, a.Downloaded)
			}
			for name, n := range part.Totals {
				parts.AddTotal(name, n)
			}
		}
		equal(t, "parts", fmt.Sprint(parts.Completed, parts.Accounts, parts.Totals), want)
	}
}
