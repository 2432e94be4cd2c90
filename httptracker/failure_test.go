package httptracker

import (
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestAppendFailure(t *testing.T) {
	for failure, want := range map[shoal.Failure]string{
		shoal.InfoHashMissing: "d14:failure reason20:info_hash is missinge",
		shoal.ClientDenied:    "d14:failure reason42:this client is not allowed on this tracker8:retry in5:nevere",
		shoal.KeyExpired:      "d14:failure reason20:this key has expired8:retry in2:60e",
	} {
		if got := AppendFailure([]byte("x"), failure); string(got) != "x"+want {
			t.Errorf("got  %q\nwant %q", got, "x"+want)
		}
	}
}

func TestFailuresReadBack(t *testing.T) {
	read := 0
	for failure := shoal.OK + 1; failure.Error() != "unknown failure"; failure++ {
		read++
		want := ""
		switch {
		case failure.Never():
			want = "never"
		case failure.RetryIn() == 60:
			want = "60"
		}
		body := AppendFailure(nil, failure)
		announce, err := ParseAnnounceReply(body)
		if err != nil || announce.Failure != failure.Error() || announce.RetryIn != want {
			t.Errorf("%q read as an announce reply: %+v, %v", body, announce, err)
		}
		scrape, err := ParseScrapeReply(body)
		if err != nil || scrape.Failure != failure.Error() || scrape.RetryIn != want {
			t.Errorf("%q read as a scrape reply: %+v, %v", body, scrape, err)
		}
	}
	if read != int(shoal.KeyExpired) {
		t.Errorf("%d failures were read, want %d", read, shoal.KeyExpired)
	}
}
