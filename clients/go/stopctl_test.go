package stopctl

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

type key struct{}

func raisedFlag(t *testing.T) *Flag {
	t.Helper()
	path := filepath.Join(t.TempDir(), "0.9f3ab2c47d01e586")
	text := make([]byte, length)
	copy(text, "1   user 1874909537128 1763818800\n")
	if err := os.WriteFile(path, text, 0o444); err != nil {
		t.Fatal(err)
	}
	flag, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return flag
}

func TestAContextEndsWithTheRequestAsItsCause(t *testing.T) {
	parent := context.WithValue(context.Background(), key{}, "kept")
	ctx, cancel := raisedFlag(t).Context(parent)
	defer cancel()
	below, cancelBelow := context.WithCancel(ctx)
	defer cancelBelow()
	for _, ctx := range []context.Context{ctx, below} {
		<-ctx.Done()
		var request *Request
		if !errors.As(ctx.Err(), &request) || request.Reason != "user" {
			t.Errorf("the cause is %v", ctx.Err())
		}
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Error("code that asks for context.Canceled does not see it")
		}
		if ctx.Value(key{}) != "kept" {
			t.Error("the parent's values are lost")
		}
	}
}

func TestAContextEndsWithItsParent(t *testing.T) {
	parent, end := context.WithTimeout(context.Background(), time.Millisecond)
	defer end()
	ctx, cancel := Unsupervised().Context(parent)
	defer cancel()
	<-ctx.Done()
	if ctx.Err() != context.DeadlineExceeded {
		t.Errorf("the cause is %v", ctx.Err())
	}
}

func TestAContextIsDoneWhenCancelReturns(t *testing.T) {
	ctx, cancel := Unsupervised().Context(context.Background())
	if ctx.Err() != nil {
		t.Errorf("ended by itself: %v", ctx.Err())
	}
	cancel()
	cancel()
	if ctx.Err() != context.Canceled {
		t.Errorf("the cause is %v", ctx.Err())
	}
}

func TestACallerMayWaitForNoTime(t *testing.T) {
	if Unsupervised().Wait(0) {
		t.Error("an unsupervised flag was raised")
	}
	if !raisedFlag(t).Wait(0) {
		t.Error("a raised flag was not seen")
	}
}
