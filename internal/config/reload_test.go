package config

import (
	"slices"
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
	want.Limits.Connections = 5
	want.Limits.Peers, want.Access.PortsDenied = 5, []int{22}
	if diff := cmp.Diff(&want, c.Config, byValue); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&before, running, byValue); diff != "" {
		t.Errorf("the running configuration was changed:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"log.level", "tracker.interval", "limits.peers", "limits.connections", "access.ports_denied"}, c.Applied); diff != "" {
		t.Errorf("applied, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data_dir", "tracker.peer_timeout", "tracker.peer_details", "udp.0.workers", "http"}, c.Restart); diff != "" {
		t.Errorf("needs a restart, -want +got:\n%s", diff)
	}

	again := Reload(c.Config, next)
	if len(again.Applied) != 0 || len(again.Restart) != len(c.Restart) {
		t.Errorf("the second reload applied %v, left %v", again.Applied, again.Restart)
	}
}

// An interval above the running peer timeout would lose every peer before its
// next announce.
func TestReloadKeepsTheIntervalBelowThePeerTimeout(t *testing.T) {
	running, err := load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := load("[tracker]\ninterval = \"80m\"\nmin_interval = \"40m\"\npeer_timeout = \"3h\"\ndefault_numwant = 7", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Reload(running, next)
	want := running.Tracker
	want.DefaultNumWant = 7
	if diff := cmp.Diff(want, c.Config.Tracker, byValue); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tracker.default_numwant"}, c.Applied); diff != "" {
		t.Errorf("applied, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tracker.peer_timeout", "tracker.interval", "tracker.min_interval"}, c.Restart); diff != "" {
		t.Errorf("needs a restart, -want +got:\n%s", diff)
	}
}

func TestReloadHTTP(t *testing.T) {
	running, err := load("[[http]]\n[[http]]\nlisten = \"127.0.0.1:80\"\ntls = { cert = \"c\", key = \"k\" }", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := load(`
		[tracker]
		external_ip = "203.0.113.1"
		use_ip_param = "private"
		[[http]]
		keep_alive = false
		forwarded = "X-Real-IP"
		[[http]]
		listen = "127.0.0.1:80"
		trusted_proxies = "10.0.0.0/8"
		tls = { cert = "c2", key = "k", plain = "redirect" }
	`, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := *running
	before.HTTP = slices.Clone(running.HTTP)
	c := Reload(running, next)
	want := before
	want.Tracker = next.Tracker
	want.HTTP = slices.Clone(running.HTTP)
	want.HTTP[0].Forwarded = "X-Real-IP"
	want.HTTP[1].TrustedProxies = networks("10.0.0.0/8")
	if diff := cmp.Diff(&want, c.Config, byValue); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&before, running, byValue); diff != "" {
		t.Errorf("the running configuration was changed:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tracker.external_ip", "tracker.use_ip_param", "http.0.forwarded", "http.1.trusted_proxies"}, c.Applied); diff != "" {
		t.Errorf("applied, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"http.0.keep_alive", "http.1.tls.cert", "http.1.tls.plain"}, c.Restart); diff != "" {
		t.Errorf("needs a restart, -want +got:\n%s", diff)
	}

	fewer, err := load("[[http]]\ntrusted_proxies = \"10.0.0.0/8\"", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := Reload(running, fewer); len(c.Applied) != 0 || !slices.Equal(c.Restart, []string{"http"}) {
		t.Errorf("with a section less: applied %q, needs a restart %q", c.Applied, c.Restart)
	}
}
