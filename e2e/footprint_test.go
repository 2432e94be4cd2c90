//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// footprint is what a process holds, as the kernel counts it.
type footprint struct {
	rss         int64         // bytes
	processor   time.Duration // used so far, user and system
	descriptors int
	threads     int
}

func (f footprint) String() string {
	return fmt.Sprintf("RSS %.1f MiB, %d descriptors, %d threads", float64(f.rss)/(1<<20), f.descriptors, f.threads)
}

func (s *shoal) footprint(t *testing.T) footprint {
	t.Helper()
	// The process that was started became Shoal: ip replaces itself.
	dir := fmt.Sprintf("/proc/%d/", s.proc.cmd.Process.Pid)
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		t.Fatal(err)
	}
	descriptors, err := os.ReadDir(dir + "fd")
	if err != nil {
		t.Fatal(err)
	}
	f := footprint{descriptors: len(descriptors)}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch key {
		case "VmRSS":
			f.rss = n << 10
		case "Threads":
			f.threads = int(n)
		}
	}
	// The name of the program stands in brackets before the numbers.
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, ticks := range fields[11:13] {
		n, err := strconv.ParseInt(ticks, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		f.processor += time.Duration(n) * time.Second / 100
	}
	if f.rss == 0 || f.threads == 0 {
		t.Fatalf("no figures in\n%s", status)
	}
	return f
}
