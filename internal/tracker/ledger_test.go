package tracker

import (
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/accounting"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/swarm"
)

// member is the announce of a leecher that has a key and has uploaded so much.
func member(key shoal.AuthKey, uploaded uint64) shoal.AnnounceRequest {
	req := peer(6881)
	req.AuthKey, req.Uploaded = key, uploaded
	return req
}

// TestLedger has a peer announce twice, one by one and in a batch in which others
// are refused. What it moved is counted for its key while the tracker is private
// and counting is on.
func TestLedger(t *testing.T) {
	good, unknown := shoal.ParseAuthKey([]byte("0123456789abcdef")), shoal.ParseAuthKey([]byte("fedcba9876543210"))
	on := accounting.Config{Enabled: true, MaxRate: 1 << 30}
	for _, c := range []struct {
		name    string
		rules   policy.Config
		ledger  *accounting.Config // nil: none
		key     shoal.AuthKey
		failure shoal.Failure
		want    uint64
	}{
		{"private", policy.Config{Private: true}, &on, good, shoal.OK, 100},
		{"private, off", policy.Config{Private: true}, &accounting.Config{MaxRate: 1 << 30}, good, shoal.OK, 0},
		{"private, no ledger", policy.Config{Private: true}, nil, good, shoal.OK, 0},
		{"private, no key", policy.Config{Private: true}, &on, shoal.AuthKey{}, shoal.KeyMissing, 0},
		{"private, a key that is not known", policy.Config{Private: true}, &on, unknown, shoal.KeyUnknown, 0},
		{"private, refused by another rule", policy.Config{Private: true, PortsDenied: []int{6881}}, &on, good, shoal.PortDenied, 0},
		{"open", policy.Config{}, &on, good, shoal.OK, 0},
		{"open, no key", policy.Config{}, &on, shoal.AuthKey{}, shoal.OK, 0},
	} {
		for _, batch := range []bool{false, true} {
			keys := policy.NewKeys()
			keys.Replace([]policy.Key{{Hash: good}})
			clock := new(shoal.Clock)
			clock.Set(1000)
			tr := New(DefaultConfig(), policy.Compile(c.rules, policy.Lists{Keys: keys}), swarm.New(swarm.Config{PeerTimeout: time.Hour}), clock)
			var ledger *accounting.Ledger
			if c.ledger != nil {
				ledger = accounting.New(*c.ledger, 0, time.Hour)
				tr.SetLedger(ledger)
			}
			for i := range uint64(2) {
				clock.Set(clock.Now().Add(time.Minute))
				req, res := member(c.key, i*100), room()
				var failure shoal.Failure
				if batch {
					others := []shoal.AnnounceRequest{member(unknown, i*7), req, member(good, i*1000)}
					others[2].PeerID[19] = 1
					failures := []shoal.Failure{shoal.OK, shoal.OK, shoal.PacketShort}
					tr.AnnounceBatch(others, []shoal.AnnounceResponse{room(), res, room()}, failures)
					failure = failures[1]
				} else {
					failure = tr.Announce(&req, &res)
				}
				if failure != c.failure {
					t.Errorf("%s, batch %v: %v, want %v", c.name, batch, failure, c.failure)
				}
			}
			got := make(map[shoal.AuthKey]uint64)
			if ledger != nil {
				ledger.Drain(func(key shoal.AuthKey, uploaded, downloaded uint64) { got[key] = uploaded })
			}
			if got[good] != c.want || len(got) > 1 || c.want == 0 && len(got) > 0 {
				t.Errorf("%s, batch %v: counted %v, want %d", c.name, batch, got, c.want)
			}
		}
	}
}

// Rules that change while the tracker serves turn the counting on and off.
func TestLedgerOfAChangedTracker(t *testing.T) {
	key := shoal.ParseAuthKey([]byte("0123456789abcdef"))
	keys := policy.NewKeys()
	keys.Add(policy.Key{Hash: key})
	clock := new(shoal.Clock)
	clock.Set(1000)
	private := policy.Compile(policy.Config{Private: true}, policy.Lists{Keys: keys})
	tr := New(DefaultConfig(), nil, swarm.New(swarm.Config{PeerTimeout: time.Hour}), clock)
	ledger := accounting.New(accounting.Config{Enabled: true, MaxRate: 1 << 30}, 0, time.Hour)
	tr.SetLedger(ledger)
	announce := func(uploaded uint64) {
		clock.Set(clock.Now().Add(time.Minute))
		req, res := member(key, uploaded), room()
		if f := tr.Announce(&req, &res); f != shoal.OK {
			t.Errorf("refused: %v", f)
		}
	}
	announce(10) // open: nobody's
	tr.Configure(DefaultConfig(), private)
	announce(20) // from here on
	announce(50)
	tr.Configure(DefaultConfig(), nil)
	announce(90)
	got := uint64(0)
	ledger.Drain(func(_ shoal.AuthKey, uploaded, _ uint64) { got = uploaded })
	if got != 30 {
		t.Errorf("counted %d, want 30", got)
	}
}
