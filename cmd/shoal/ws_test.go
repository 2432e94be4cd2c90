package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// someHashText is someHash as WebTorrent writes it.
const someHashText = `"\u0001#Eg\u0089\u00ab\u00cd\u00ef\u0001#Eg\u0089\u00ab\u00cd\u00ef\u0001#Eg"`

// browserTrackerSaying is a WebTorrent tracker that answers every message with
// text; asked gets the messages.
func browserTrackerSaying(t *testing.T, text string) (url string, asked chan map[string]any) {
	asked = make(chan map[string]any, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			_, message, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var fields map[string]any
			if err := json.Unmarshal(message, &fields); err != nil {
				t.Errorf("message %q: %v", message, err)
			}
			asked <- fields
			if conn.Write(context.Background(), websocket.MessageText, []byte(text)) != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http") + "/announce", asked
}

func TestAnnounceWebTorrent(t *testing.T) {
	url, asked := browserTrackerSaying(t, `{"action":"announce","info_hash":`+someHashText+`,"interval":120,"complete":5,"incomplete":3}`)
	got, err := typed(t, newAnnounceCommand(), url, someHash, "--left", "0", "--event=completed", "--peer-id=-SH0100-abcdefghijkl")
	want := "complete    5\nincomplete  3\ninterval    2m0s\n"
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v; output differs (-want +got):\n%s", err, diff)
	}
	message := <-asked
	for field, want := range map[string]any{
		"action": "announce", "info_hash": "\x01#Eg\u0089\u00ab\u00cd\u00ef\x01#Eg\u0089\u00ab\u00cd\u00ef\x01#Eg",
		"peer_id": "-SH0100-abcdefghijkl", "left": float64(0), "event": "completed",
	} {
		if message[field] != want {
			t.Errorf("%s is %v, want %v", field, message[field], want)
		}
	}

	got, err = typed(t, newAnnounceCommand(), "--json", url, someHash)
	want = `{"interval":120,"min_interval":0,"complete":5,"incomplete":3,"external_ip":null,"warning":"","peers":[]}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v; output differs (-want +got):\n%s", err, diff)
	}
}

func TestScrapeWebTorrent(t *testing.T) {
	hash := strings.Repeat("11", 20)
	url, asked := browserTrackerSaying(t,
		`{"action":"scrape","files":{"`+strings.Repeat(`\u0011`, 20)+`":{"complete":5,"incomplete":10,"downloaded":50}},"flags":{"min_request_interval":60}}`)
	want := "info hash                                 complete  downloaded  incomplete\n" +
		someHash + "  0         0           0\n" +
		hash + "  5         50          10\n"
	if got, err := typed(t, newScrapeCommand(), url, someHash, hash); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	if message := <-asked; message["action"] != "scrape" {
		t.Errorf("asked %v", message)
	}
	want = `{"torrents":[{"info_hash":"` + hash + `","complete":5,"downloaded":50,"incomplete":10}]}` + "\n"
	if got, err := typed(t, newScrapeCommand(), url, hash, "--json"); err != nil || got != want {
		t.Errorf("got %v, %s; want %s", err, got, want)
	}
}

func TestWebTorrentRefused(t *testing.T) {
	url, _ := browserTrackerSaying(t, `{"failure reason":"no","action":"announce","retry in":"never"}`)
	const want = `: tracker refused: "no", retry in: "never"`
	if out, err := typed(t, newAnnounceCommand(), url, someHash); out != "" || err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("announce: got %q, %v; want %q", out, err, want)
	}
	if out, err := typed(t, newScrapeCommand(), url, someHash); out != "" || err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("scrape: got %q, %v; want %q", out, err, want)
	}
	web, _ := trackerSaying(t, "<html>")
	if _, err := typed(t, newAnnounceCommand(), "ws"+strings.TrimPrefix(web, "http"), someHash); err == nil || !strings.Contains(err.Error(), `no WebSocket: answer has the HTTP status "200 OK" and says "<html>"`) {
		t.Errorf("from a web server: got %v", err)
	}
}
