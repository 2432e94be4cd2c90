package packetio

import (
	"errors"

	"golang.org/x/sys/windows"
)

// cutOff reports whether a receive failed because the datagram was longer than
// the room. Windows fails it and package net then loses the sender.
func cutOff(err error) bool { return errors.Is(err, windows.WSAEMSGSIZE) }
