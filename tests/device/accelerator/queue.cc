#include "queue.h"

#include <chrono>
#include <thread>
#include <utility>

namespace xpu {

void Marker::reach() {
  std::lock_guard lock(mutex_);
  reached_ = true;
  changed_.notify_all();
}

bool Marker::reached() {
  std::lock_guard lock(mutex_);
  return reached_;
}

void Marker::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return reached_; });
}

namespace {

// What kernels stand before while they are held.
//
// None stands there for ever: some calls of TensorFlow wait for a device without releasing
// Python's lock (`tf.constant` does), and then nobody is left who could open the gate.
class Gate {
 public:
  void close(std::chrono::milliseconds patience) {
    std::lock_guard lock(mutex_);
    closed_ = true;
    patience_ = patience;
    gave_way_ = false;
  }

  // Whether it was closed until now.
  bool open() {
    std::lock_guard lock(mutex_);
    closed_ = false;
    changed_.notify_all();
    return !gave_way_;
  }

  void pass() {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, patience_, [this] { return !closed_; })) return;
    closed_ = false;
    gave_way_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::milliseconds patience_{0};  // of each kernel
  bool closed_ = false;
  bool gave_way_ = false;
};

// Never deleted, as queues are not: their threads may stand here when the process exits.
Gate& gate() {
  static Gate* const the_gate = new Gate;
  return *the_gate;
}

std::atomic<uint64_t> kernel_delay{0};  // microseconds

}  // namespace

Queue::Queue() {
  std::thread([this] { run(); }).detach();
}

void Queue::add(std::function<void()> work) {
  ++pending_;
  push([this, work = std::move(work)] {
    work();
    --pending_;
  });
}

void Queue::add_kernel(std::function<void()> work) {
  // The delay of now: how long a kernel takes must not depend on when the thread gets to it.
  const std::chrono::microseconds delay(kernel_delay);
  add([delay, work = std::move(work)] {
    gate().pass();
    if (delay.count()) std::this_thread::sleep_for(delay);
    work();
  });
}

std::shared_ptr<Marker> Queue::mark() {
  auto marker = std::make_shared<Marker>();
  // Not counted as pending: who has waited for a marker finds nothing pending before it.
  push([marker] { marker->reach(); });
  return marker;
}

void Queue::wait_for(std::shared_ptr<Marker> marker) {
  // No deadlock: a queue waits only for what was asked earlier than its own wait.
  add([marker = std::move(marker)] { marker->wait(); });
}

void Queue::drain() { mark()->wait(); }

void Queue::push(std::function<void()> work) {
  std::lock_guard lock(mutex_);
  work_.push_back(std::move(work));
  changed_.notify_one();
}

void Queue::run() {
  for (;;) next()();
}

std::function<void()> Queue::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !work_.empty(); });
  auto work = std::move(work_.front());
  work_.pop_front();
  return work;
}

Queue& queue_of_device(int ordinal) {
  static Queue* const queues = new Queue[kDevices];
  return queues[ordinal];
}

}  // namespace xpu

// ---- for the tests ----------------------------------------------------------------------

// A kernel that is asked for from now on takes this long, beside its own work.
extern "C" void xpu_delay_kernels(uint64_t microseconds) {
  xpu::kernel_delay = microseconds;
}

// No kernel starts on any device until xpu_release, or until one has waited for so long; work
// behind a kernel waits with it.
extern "C" void xpu_hold(uint64_t milliseconds) {
  xpu::gate().close(std::chrono::milliseconds(milliseconds));
}

// 0 if a kernel lost its patience before.
extern "C" int xpu_release() { return xpu::gate().open(); }

// How much work is asked for and not done, on all devices.
extern "C" uint64_t xpu_pending() {
  uint64_t pending = 0;
  for (int ordinal = 0; ordinal < xpu::kDevices; ++ordinal)
    pending += xpu::queue_of_device(ordinal).pending();
  return pending;
}
