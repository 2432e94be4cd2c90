package main

import (
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/internal/apiclient"
)

func TestWriteSwarm(t *testing.T) {
	addr, client, event, n := "[2001:db8::1]:6881", "qBittorrent 5.0.2", "Started", uint64(7)
	s := apiclient.Swarm{
		Torrent: apiclient.Torrent{InfoHash: "0123456789abcdef0123456789abcdef01234567", Seeders: 1, Leechers: 2, Completed: 3},
		Peers:   []apiclient.Peer{{Addr: &addr, Uploaded: &n, Downloaded: &n, Left: &n, Event: &event}, {}},
	}
	s.Peers[0].ID.Client = &client
	var out strings.Builder
	if err := writeSwarm(&out, &s); err != nil {
		t.Fatal(err)
	}
	want := `info hash  0123456789abcdef0123456789abcdef01234567
seeders    1
leechers   2
completed  3

peer                client             left  uploaded  downloaded  last event
[2001:db8::1]:6881  qBittorrent 5.0.2  7     7         7           Started
browser             -                  -     -         -           -
2 of 3 peers
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestWriteSwarmWithoutPeers(t *testing.T) {
	var out strings.Builder
	if err := writeSwarm(&out, &apiclient.Swarm{}); err != nil || strings.Contains(out.String(), "peer") {
		t.Errorf("%q, error %v", out.String(), err)
	}
}
