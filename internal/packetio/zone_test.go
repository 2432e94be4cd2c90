package packetio

import (
	"net"
	"strings"
	"testing"
)

func TestZoneIndex(t *testing.T) {
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if got, err := zoneIndex(i.Name); err != nil || got != uint32(i.Index) {
			t.Errorf("%s: index %d, %v, want %d", i.Name, got, err, i.Index)
		}
	}
	if got, err := zoneIndex("4294967295"); err != nil || got != 1<<32-1 {
		t.Errorf("a number: index %d, %v", got, err)
	}
	for _, zone := range []string{"nowhere0", "4294967296"} {
		if _, err := zoneIndex(zone); err == nil || !strings.Contains(err.Error(), zone) {
			t.Errorf("%s: %v, want an error that names it", zone, err)
		}
	}
}
