// One device's work: a thread that does what it was asked, in the order in which it was asked.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace xpu {

// A place in a queue, reached when all work before it is done.
//
// It is shared by the queue and by whoever waits: TensorFlow deletes its events without asking
// whether the queue has come to them.
class Marker {
 public:
  void reach();
  bool reached();
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
};

// All streams of a device share its queue. That is more order than a GPU keeps, and never less.
//
// Memory: work holds bare addresses, and TensorFlow gives a buffer back to its allocator as soon
// as the last kernel that reads it was asked for. Whoever gets the buffer next writes it through
// a kernel or a copy, which is in the same queue behind that reader; a copy from another device
// waits for this queue first (`create_stream_dependency`). What is on the host it keeps itself:
// the source and the destination of a copy until the event behind the copy.
class Queue {
 public:
  // Its thread is never joined and a queue never deleted: TensorFlow ends its devices while the
  // process exits, when nobody may wait for a thread any more.
  Queue();

  void add(std::function<void()> work);

  // As add, but waits while kernels are held, and takes as long as kernels are told to.
  void add_kernel(std::function<void()> work);

  std::shared_ptr<Marker> mark();
  void wait_for(std::shared_ptr<Marker> marker);

  // Blocks the caller until what was asked so far is done.
  void drain();

  uint64_t pending() const { return pending_; }

 private:
  void push(std::function<void()> work);
  void run();
  std::function<void()> next();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  std::atomic<uint64_t> pending_{0};
};

constexpr int kDevices = 2;

Queue& queue_of_device(int ordinal);

}  // namespace xpu

// TensorFlow's handle of a stream; it gives it to copies and, by TF_GetStream, to kernels.
struct SP_Stream_st {
  xpu::Queue& queue;
};
