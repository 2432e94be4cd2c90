package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// startShoal builds and runs a Shoal of its own for a test and returns where it
// listens.
func startShoal(t *testing.T, set ...string) (udp, http string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "shoal")
	if out, err := exec.Command("go", "build", "-o", program, "../shoal").CombinedOutput(); err != nil {
		t.Fatalf("building shoal: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	args := []string{}
	for _, s := range append(set, "udp.listen=127.0.0.1:0", "http.listen=127.0.0.1:0", "api.listen=", "health.listen=") {
		args = append(args, "--set", s)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.TempDir()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	log, err := os.Create(filepath.Join(cmd.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it is told to end, and may say so
		log.Close()
	})
	pattern := regexp.MustCompile(`"(udp|https?)://(127[^/]+)/announce"`)
	var text []byte
	for range 500 {
		if text, err = os.ReadFile(log.Name()); err != nil {
			t.Fatal(err)
		}
		if found := pattern.FindAllSubmatch(text, -1); len(found) == 2 {
			at := map[string]string{}
			for _, f := range found {
				at[string(f[1])] = string(f[2])
			}
			return at["udp"], at["http"] + at["https"]
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("shoal does not say where it listens:\n%s", text)
	return "", ""
}

// load runs shoal-load and returns its report and exit code.
func load(t *testing.T, args ...string) (s report.Summary, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append(args, "--json"), &stdout, &stderr)
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil && err != io.EOF {
		t.Fatalf("%v: %v\n%s", args, err, stdout.String())
	}
	t.Logf("%s: exit %d, %s", strings.Join(args, " "), code, stderr.String())
	return s, code
}

// TestShoal loads a real Shoal in every way there is. Nothing it says may be
// wrong.
func TestShoal(t *testing.T) {
	udp, http := startShoal(t)
	for _, args := range [][]string{
		{"udp", "--target", udp},
		{"udp", "--target", udp, "--rate", "2000"},
		{"udp", "--target", udp, "--rate", "2000", "--portable"},
		{"http", "--target", "http://" + http + "/announce", "--connections", "50"},
		{"http", "--target", http, "--rate", "500"},
		{"http", "--target", http, "--keep-alive", "--connections", "50"},
		{"http", "--target", http, "--keep-alive", "--rate", "500", "--portable"},
	} {
		t.Run(strings.Join(append([]string{args[0]}, args[3:]...), " "), func(t *testing.T) {
			args := append(args, "--duration", "2s", "--scrape", "10", "--peers", "20000", "--torrents", "500")
			if args[0] == "udp" {
				args = append(args, "--connect", "10")
			}
			s, code := load(t, args...)
			if code != exitOK || s.Wrong != 0 || s.Errors != 0 {
				t.Fatalf("exit code %d, %+v", code, s)
			}
			if s.Answered["announce"] == 0 || s.Answered["scrape"] == 0 || s.MeanPeers == 0 || s.Verified < 64 || s.Bare != 0 {
				t.Errorf("%+v", s)
			}
			if s.Responses+s.Lost != s.Requests {
				t.Errorf("%d requests, %d responses, %d lost", s.Requests, s.Responses, s.Lost)
			}
			if s.Rate > 0 && float64(s.Requests+s.Missed) != 2*s.Rate {
				t.Errorf("%d requests and %d missed in 2 s at %v a second", s.Requests, s.Missed, s.Rate)
			}
		})
	}
}

// TestShoalTLS loads a real Shoal over TLS, and in the same way without, at the
// same port.
func TestShoalTLS(t *testing.T) {
	cert, key := writeCertificate(t)
	_, at := startShoal(t, "http.tls.cert="+cert, "http.tls.key="+key)
	for _, test := range []struct {
		args          []string
		full, resumed bool // handshakes there are
	}{
		{[]string{"--target", "https://" + at, "--ca", cert}, true, false},
		{[]string{"--target", "https://" + at, "--ca", cert, "--resume"}, true, true},
		{[]string{"--target", "https://" + at, "--ca", cert, "--resume", "--tls-max", "1.2"}, true, true},
		{[]string{"--target", "https://" + at, "--ca", cert, "--keep-alive"}, true, false},
		{[]string{"--target", at, "--tls", "--insecure", "--rate", "100"}, true, false},
		{[]string{"--target", at}, false, false},
		{[]string{"--target", "http://" + at, "--idle"}, false, false},
		{[]string{"--target", "https://" + at, "--insecure", "--idle"}, true, false},
	} {
		t.Run(strings.Join(test.args[2:], " "), func(t *testing.T) {
			s, code := load(t, append([]string{"http", "--connections", "50", "--duration", "2s", "--peers", "20000", "--torrents", "500"}, test.args...)...)
			if code != exitOK || s.Wrong != 0 || s.Errors != 0 || s.Refused != 0 || s.Answered["announce"] == 0 {
				t.Fatalf("exit code %d, %+v", code, s)
			}
			if h := s.Handshakes; (h.Full > 0) != test.full || (h.Resumed > 0) != test.resumed || h.Failed > 0 || test.resumed && h.Full > 50 {
				t.Errorf("%+v", h)
			}
			if slices.Contains(test.args, "--idle") && (s.Opened != 50 || s.Open != 50 || s.Responses != 100) {
				t.Errorf("%d of %d idle connections are open, %d responses", s.Open, s.Opened, s.Responses)
			}
		})
	}
}

// TestSmallCrowds: crowds that are smaller than the addresses there are for them
// announce nobody who does not exist.
func TestSmallCrowds(t *testing.T) {
	udp, http := startShoal(t)
	for _, args := range [][]string{
		{"udp", "--target", udp},
		{"udp", "--target", udp, "--rate", "1000", "--sources", "50", "--workers", "2"},
		{"http", "--target", http},
		{"http", "--target", http, "--keep-alive", "--sources", "50", "--workers", "2"},
	} {
		for _, peers := range []string{"1", "10"} {
			t.Run(strings.Join(append([]string{args[0], peers}, args[3:]...), " "), func(t *testing.T) {
				s, code := load(t, append(args, "--peers", peers, "--torrents", "1", "--seeders", "0", "--requests", "500", "--connections", "20")...)
				if code != exitOK || s.Answered["announce"] != 500 || s.Wrong != 0 || strconv.Itoa(s.Sources) != peers {
					t.Fatalf("exit code %d, %+v", code, s)
				}
				if (s.MeanPeers == 0) != (peers == "1") || s.MeanPeers > 9 {
					t.Errorf("%v peers an answer in a swarm of %s", s.MeanPeers, peers)
				}
			})
		}
	}
}

// TestFillShoal: what is filled by one transport is found by the other, from
// the same seed, and nobody is a stranger. Another seed's crowd is another.
func TestFillShoal(t *testing.T) {
	udp, http := startShoal(t)
	crowd := []string{"--seed", "5", "--peers", "3000", "--torrents", "1", "--timeout", "2s"}
	for i, args := range [][]string{
		{"http", "--target", http, "--fill", "--connections", "20"},
		{"udp", "--target", udp, "--fill"},
		{"http", "--target", http, "--fill", "--keep-alive", "--connections", "20"},
		{"udp", "--target", udp, "--fill", "--portable"},
	} {
		s, code := load(t, append(args, crowd...)...)
		if code != exitOK || s.Answered["announce"] != 3000 {
			t.Fatalf("%v: exit code %d, %+v", args, code, s)
		}
		if i > 0 && s.MeanPeers != 30 && s.MeanPeers != 50 {
			t.Errorf("%v: %v peers an answer from a swarm of 3000", args, s.MeanPeers)
		}
	}
	s, code := load(t, "udp", "--target", udp, "--seed", "5", "--peers", "300", "--torrents", "1", "--requests", "500")
	if code != exitFailed || s.WrongBy["foreign_peer"] == 0 {
		t.Errorf("3000 peers were announced, 300 are known, and nobody is a stranger: exit code %d, %+v", code, s)
	}
}
