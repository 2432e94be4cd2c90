//go:build !linux || !(amd64 || arm64)

package streamio

// fastEngines returns the engines that only some systems have.
func fastEngines() []engineKind { return nil }

// Descriptors returns how many file descriptors so many listeners take.
func (LoopsConfig) Descriptors(listeners int) int { return listeners }
