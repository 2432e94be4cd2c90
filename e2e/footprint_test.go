//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// footprint is what a process holds, as the kernel counts it.
type footprint struct {
	rss         int64         // bytes
	heap        int64         // bytes that Go's collector found in use, if it tells (tellsHeap)
	processor   time.Duration // used so far, user and system
	descriptors int
	threads     int
}

func (f footprint) String() string {
	heap := ""
	if f.heap >= 0 {
		heap = fmt.Sprintf("Go heap %d MiB, ", f.heap>>20)
	}
	return fmt.Sprintf("%sRSS %.1f MiB, %d descriptors, %d threads", heap, float64(f.rss)/(1<<20), f.descriptors, f.threads)
}

// tellsHeap in Shoal's environment makes Go's collector write a line each time.
const tellsHeap = "GODEBUG=gctrace=1"

// collected is such a line: what was in use in the end is the third of three
// figures, in MiB.
var collected = regexp.MustCompile(`(?m)^gc [0-9]+ @.* [0-9]+->[0-9]+->([0-9]+) MB, `)

// heapInUse is what the last line says; -1 if there is none.
func (s *shoal) heapInUse(t *testing.T) int64 {
	t.Helper()
	words, err := os.ReadFile(s.proc.log)
	if err != nil {
		t.Fatal(err)
	}
	words = words[max(0, len(words)-64<<10):]
	all := collected.FindAllSubmatch(words, -1)
	if len(all) == 0 {
		return -1
	}
	mib, err := strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mib << 20
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
	f := footprint{descriptors: len(descriptors), heap: s.heapInUse(t)}
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
