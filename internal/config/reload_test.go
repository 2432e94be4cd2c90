package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReload(t *testing.T) {
	running, err := load("[access]\nports_denied = []", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := load(`
		data_dir = "elsewhere"
		[log]
		level = "debug"
		[tracker]
		interval = "40m"
		peer_timeout = "2h"
		peer_details = true
		[limits]
		peers = 5
		connections = 5
		[access]
		ports_denied = [22]
		[[udp]]
		workers = 3
	`, nil, []string{"http=[]"})
	if err != nil {
		t.Fatal(err)
	}
	before := *running
	c := Reload(running, next)
	want := before
	want.Log.Level, want.Tracker.Interval = "debug", 40*time.Minute
	want.Tracker.PeerTimeout, want.Limits.Connections = 2*time.Hour, 5
	want.Limits.Peers, want.Access.PortsDenied = 5, []int{22}
	if diff := cmp.Diff(&want, c.Config, byValue); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&before, running, byValue); diff != "" {
		t.Errorf("the running configuration was changed:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"log.level", "tracker.interval", "tracker.peer_timeout", "limits.peers", "limits.connections", "access.ports_denied"}, c.Applied); diff != "" {
		t.Errorf("applied, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data_dir", "tracker.peer_details", "udp.0.workers", "http"}, c.Restart); diff != "" {
		t.Errorf("needs a restart, -want +got:\n%s", diff)
	}

	again := Reload(c.Config, next)
	if len(again.Applied) != 0 || len(again.Restart) != len(c.Restart) {
		t.Errorf("the second reload applied %v, left %v", again.Applied, again.Restart)
	}
}
