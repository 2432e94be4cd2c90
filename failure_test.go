package shoal_test

import (
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestFailures(t *testing.T) {
	seen := map[string]shoal.Failure{}
	for f := shoal.OK; f.Error() != "unknown failure"; f++ {
		if first, twice := seen[f.Error()]; twice || (f.Error() == "") != (f == shoal.OK) {
			t.Errorf("failure %d has the text %q, as %d", f, f.Error(), first)
		}
		seen[f.Error()] = f
	}
	if len(seen) != int(shoal.KeyExpired)+1 {
		t.Errorf("%d failures have a text, want %d", len(seen), shoal.KeyExpired+1)
	}
}

// Clients keep the texts, and people search for them: they are stable.
func TestTextsOfRules(t *testing.T) {
	for f, want := range map[shoal.Failure]string{
		shoal.ClientDenied:    "this client is not allowed on this tracker",
		shoal.PortDenied:      "this port is not allowed on this tracker",
		shoal.AddressDenied:   "this address is not allowed on this tracker",
		shoal.TorrentDenied:   "this torrent is not allowed on this tracker",
		shoal.TorrentUnlisted: "this torrent is not registered with this tracker",
		shoal.KeyMissing:      "this tracker is private: its announce URL must have your key",
		shoal.KeyInvalid:      "key must have 16 to 64 characters: letters, digits and - . _ ~",
		shoal.KeyUnknown:      "this key is not known to this tracker",
		shoal.KeyExpired:      "this key has expired",
	} {
		if got := f.Error(); got != want {
			t.Errorf("failure %d has the text %q, want %q", f, got, want)
		}
	}
}

// TestRetry has what BEP 31 lets a tracker say. Of all failures that are not
// here nothing is said: a request that is mended is another request.
func TestRetry(t *testing.T) {
	type retry struct {
		never   bool
		minutes int
	}
	want := map[shoal.Failure]retry{
		// The client, its port and its URL stay as they are.
		shoal.ClientDenied: {never: true},
		shoal.PortDenied:   {never: true},
		shoal.KeyMissing:   {never: true},
		shoal.KeyInvalid:   {never: true},
		// Whoever runs the tracker may change his mind, or somebody may pay.
		shoal.AddressDenied:   {minutes: 60},
		shoal.TorrentDenied:   {minutes: 60},
		shoal.TorrentUnlisted: {minutes: 60},
		shoal.KeyUnknown:      {minutes: 60},
		shoal.KeyExpired:      {minutes: 60},
	}
	for f := range shoal.Failure(255) {
		if got := (retry{f.Never(), f.RetryIn()}); got != want[f] {
			t.Errorf("%d (%v): %+v, want %+v", f, f, got, want[f])
		}
	}
}
