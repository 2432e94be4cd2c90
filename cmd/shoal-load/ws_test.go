package main

import (
	"slices"
	"strings"
	"testing"
)

// TestShoalWS loads a real Shoal as browsers do, in every way there is. It must
// deliver everything, and nothing that comes may be wrong.
func TestShoalWS(t *testing.T) {
	cert, key := writeCertificate(t)
	_, at := startShoal(t, "http.tls.cert="+cert, "http.tls.key="+key)
	for _, args := range [][]string{
		{"--target", "ws://" + at},
		{"--target", at, "--rate", "200"},
		{"--target", at, "--rate", "100", "--portable", "--workers", "2"},
		{"--target", at, "--offers", "3", "--sdp", "12000"},
		{"--target", at, "--seeders", "50", "--offers", "3", "--seed", "1", "--rate", "100"},
		{"--target", at, "--churn", "20", "--rate", "100"},
		{"--target", at, "--idle"},
		{"--target", "wss://" + at, "--ca", cert, "--rate", "100"},
		{"--target", at, "--tls", "--insecure", "--idle"},
	} {
		t.Run(strings.Join(args[2:], " "), func(t *testing.T) {
			s, code := load(t, append([]string{"ws", "--connections", "60", "--torrents", "3", "--duration", "1s", "--timeout", "1m"}, args...)...)
			if code != exitOK || s.Wrong != 0 || s.Errors != 0 || s.Refused != 0 || s.Lost != 0 || s.Bare != 0 || s.Responses == 0 || s.Relay == nil {
				t.Fatalf("exit code %d, %+v", code, s)
			}
			r := s.Relay
			has := func(flag string) bool { return slices.Contains(args, flag) }
			switch {
			case has("--churn"):
				if r.Reopened == 0 || r.AnswersReceived == 0 {
					t.Errorf("%+v", r)
				}
				return
			case has("--idle"):
				if s.Opened != 60 || s.Open != 60 || s.Responses != 120 || r.OffersReceived == 0 {
					t.Errorf("%d of %d idle connections are open, %d responses, %+v", s.Open, s.Opened, s.Responses, r)
				}
			case r.OffersLost != 0 || r.Joined != 60:
				t.Errorf("%+v", r)
			}
			// As fast as it can, more offers may be under way to a connection than Shoal
			// remembers: what is answered too late is refused, and not lost.
			paced := has("--rate") || has("--idle")
			if r.AnswersLost+r.AnswersUnsent != 0 || paced && r.AnswersRefused != 0 ||
				r.AnswersReceived+r.AnswersRefused != r.OffersReceived || r.AnswerReplies != r.AnswersReceived {
				t.Errorf("%+v", r)
			}
			if tls := has("--tls") || has("--ca"); tls != (s.Handshakes.Full == 60) || s.Handshakes.Failed != 0 {
				t.Errorf("%+v", s.Handshakes)
			}
		})
	}
}

// TestShoalSilent: a Shoal that does not reply to answers is told so, and what it
// does then is right. At a pace at which Shoal forgets no offer: without replies
// to answers, nobody could tell whether a failure is an answer's or an announce's.
func TestShoalSilent(t *testing.T) {
	_, at := startShoal(t, "webtorrent.answer_replies=false")
	for _, silent := range []bool{true, false} {
		args := []string{"ws", "--target", at, "--connections", "60", "--torrents", "3", "--requests", "300", "--rate", "200", "--timeout", "500ms"}
		if silent {
			args = append(args, "--answer-replies=false")
		}
		s, code := load(t, args...)
		if code != exitOK || s.Wrong != 0 || s.Relay.AnswersLost != 0 || silent && s.Lost != 0 || silent && s.Relay.AnswerReplies != 0 {
			t.Errorf("silent %v: exit code %d, %+v, %+v", silent, code, s, s.Relay)
		}
	}
}
