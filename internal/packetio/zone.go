package packetio

import (
	"fmt"
	"net"
	"strconv"
)

// zoneIndex returns the index of the interface that an IPv6 zone stands for:
// the zone is that number or the interface's name.
func zoneIndex(zone string) (uint32, error) {
	if index, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(index), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", zone, err)
	}
	return uint32(i.Index), nil
}
