//go:build linux && !race

package app

// raceDetector says that memory is not what it would be.
const raceDetector = false
