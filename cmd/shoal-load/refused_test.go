package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/report"
)

// TestRefused: the bench leaves out the figure of a server that refused more than
// one answer in a hundred, or answered it wrong.
func TestRefused(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	script, err := filepath.Abs("../../bench/load.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		s    report.Summary
		want bool
	}{
		{"all right", report.Summary{Responses: 1000}, false},
		{"ten of each hundred too many", report.Summary{Responses: 1000, Errors: 100}, true},
		{"refused", report.Summary{Responses: 1000, Refused: 11}, true},
		{"a hundredth wrong", report.Summary{Responses: 1000, Wrong: 10}, false},
		{"more wrong", report.Summary{Responses: 1000, Wrong: 11}, true},
		{"all together", report.Summary{Responses: 1000, Errors: 4, Refused: 4, Wrong: 4}, true},
	} {
		var b bytes.Buffer
		if err := test.s.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "load"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("bash", "-euc", `work=$2; source "$1"; if refused; then echo refused; else echo taken; fi`, "bash", script, dir).CombinedOutput()
		want := "taken\n"
		if test.want {
			want = "refused\n"
		}
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v, want %q", test.name, out, err, want)
		}
	}
}
