package httptracker

import (
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestAppendFailure(t *testing.T) {
	for failure, want := range map[shoal.Failure]string{
		shoal.InfoHashMissing: "d14:failure reason20:info_hash is missinge",
		shoal.ClientDenied:    "d14:failure reason42:this client is not allowed on this tracker8:retry in5:nevere",
	} {
		if got := AppendFailure([]byte("x"), failure); string(got) != "x"+want {
			t.Errorf("got  %q\nwant %q", got, "x"+want)
		}
	}
}

func TestFailuresReadBack(t *testing.T) {
	for failure := shoal.InfoHashMissing; failure <= shoal.PortDenied; failure++ {
		body := AppendFailure(nil, failure)
		announce, err := ParseAnnounceReply(body)
		if err != nil || announce.Failure != failure.Error() || announce.RetryIn == "never" != failure.Never() {
			t.Errorf("%q read as an announce reply: %+v, %v", body, announce, err)
		}
		scrape, err := ParseScrapeReply(body)
		if err != nil || scrape.Failure != failure.Error() {
			t.Errorf("%q read as a scrape reply: %+v, %v", body, scrape, err)
		}
	}
}
