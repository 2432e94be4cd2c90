package streamio

import (
	"io"
	"sync/atomic"
	"testing"
	"time"
)

func TestAlarm(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(_ *settings, p *lines) {
			p.alarm = 30 * time.Millisecond
			p.onTick = func(c *Conn) {
				if c.Alarm() != 0 {
					p.t.Error("the alarm still stands when it rings")
				}
				c.Close()
			}
		})
		c := s.dial()
		p := s.protocol()
		expectEnd(t, c)
		if why := wait(t, p.closed); why != nil {
			t.Errorf("Closed(%v), want nil", why)
		}
		if len(p.ticks) != 1 {
			t.Errorf("%d ticks, want one", len(p.ticks))
		}
	})
}

// Bytes that keep coming must not keep an alarm from ringing.
func TestAlarmUnderFire(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(c *settings, p *lines) {
			p.alarm = 50 * time.Millisecond
			p.onTick = (*Conn).Close
		})
		c := s.dial()
		p := s.protocol()
		for {
			if _, err := io.WriteString(c, "silence\n"); err != nil {
				break
			}
		}
		wait(t, p.ticks)
	})
}

func TestAlarmMoves(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		var rings atomic.Int32
		s := start(func(_ *settings, p *lines) {
			p.alarm = 20 * time.Millisecond
			p.onTick = func(c *Conn) {
				// Later, then sooner, then never again.
				switch rings.Add(1) {
				case 1:
					c.SetAlarm(c.Now().Add(time.Hour))
					c.SetAlarm(c.Now().Add(20 * time.Millisecond))
				case 2:
					c.SetAlarm(c.Now())
				}
			}
		})
		c := s.dial()
		p := s.protocol()
		for range 3 {
			wait(t, p.ticks)
		}
		send(t, c, "still here\n")
		expect(t, c, "STILL HERE\n")
		if n := rings.Load(); n != 3 {
			t.Errorf("the alarm rang %d times, want 3", n)
		}
	})
}

func TestAlarmSooner(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(_ *settings, p *lines) { p.alarm = time.Hour })
		c := s.dial()
		p := s.protocol()
		send(t, c, "alarm soon\n")
		expect(t, c, "SOON\n")
		wait(t, p.ticks)
	})
}

// An alarm that is taken off leaves a deadline behind, which must neither ring
// nor end the connection.
func TestAlarmOff(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		s := start(func(_ *settings, p *lines) { p.alarm = 500 * time.Millisecond })
		c := s.dial()
		p := s.protocol()
		send(t, c, "alarm off\n")
		expect(t, c, "OFF\n")
		for len(p.ticks) > 0 { // a slow machine may have let it ring before
			<-p.ticks
		}
		off := s.clock.Now()
		eventually(t, "the moment of the alarm passes", func() bool { return s.clock.Now() > off.Add(600*time.Millisecond) })
		send(t, c, "still here\n")
		expect(t, c, "STILL HERE\n")
		if len(p.ticks) > 0 {
			t.Error("an alarm rang that was off")
		}
	})
}
