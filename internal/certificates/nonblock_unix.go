//go:build unix

package certificates

import "syscall"

// nonblock has an open return at once, whatever the path leads to by then.
const nonblock = syscall.O_NONBLOCK
