package main

import (
	"strings"
	"testing"
)

func TestScrapeOutput(t *testing.T) {
	body := "d5:filesd20:" + strings.Repeat("\x11", 20) + "d8:completei5e10:downloadedi50e10:incompletei10eeee"
	hash := strings.Repeat("11", 20)
	want := "info hash                                 complete  downloaded  incomplete\n" +
		someHash + "  0         0           0\n" +
		hash + "  5         50          10\n"
	url, asked := trackerSaying(t, body)
	if got, err := typed(t, newScrapeCommand(), url, someHash, hash); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	if query := <-asked; strings.Count(query, "info_hash=") != 2 {
		t.Errorf("query %q", query)
	}
	want = `{"torrents":[{"info_hash":"` + hash + `","complete":5,"downloaded":50,"incomplete":10}]}` + "\n"
	if got, err := typed(t, newScrapeCommand(), url, hash, "--json"); err != nil || got != want {
		t.Errorf("got %v, %s; want %s", err, got, want)
	}
}

func TestScrapeErrors(t *testing.T) {
	refusing, _ := trackerSaying(t, "d14:failure reason2:noe")
	for want, args := range map[string][]string{
		"requires at least 2 arg(s)": {refusing},
		`info hash "beef"`:           {refusing, someHash, "cafe", "beef"},
		`info hash "cafe"`:           {refusing, "cafe", "beef"},
		`tracker refused: "no"`:      {refusing, someHash},
		"--timeout -1s":              {refusing, someHash, "--timeout=-1s"},
	} {
		if _, err := typed(t, newScrapeCommand(), args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}
