// A worker that looks between two pieces of work, and passes its flag as a context to what would
// otherwise keep it waiting.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stopctl"
)

func main() {
	stop := stopctl.FromEnv()
	ctx, cancel := stop.Context(context.Background())
	defer cancel()

	done := 0
	fmt.Println("ready")
	for !stop.IsSet() {
		if wait(ctx, 30*time.Second) != nil {
			break
		}
		done++
	}
	var request *stopctl.Request
	if errors.As(ctx.Err(), &request) {
		fmt.Printf("asked to stop: %s; done %d\n", request.Reason, done)
	}
}

// wait is work that takes a context.
func wait(ctx context.Context, timeout time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(timeout):
		return nil
	}
}
