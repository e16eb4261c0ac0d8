// The operations that XPU has itself. TensorFlow runs all others on the CPU (soft placement),
// and tests of that need some: there is no Square, Exp, Greater, All, Max or slice on purpose.
//
// A kernel runs when it is asked for, checks shapes and allocates; the arithmetic goes into the
// queue with bare addresses, as to a GPU (`Queue` says why that is safe).
#include "tensorflow/c/kernels.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "queue.h"
#include "shape.h"

namespace xpu {
namespace {

// ---- one call of a kernel ----------------------------------------------------------------

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
struct DeleteStatus {
  void operator()(TF_Status* status) const { TF_DeleteStatus(status); }
};
using OwnedTensor = std::unique_ptr<TF_Tensor, DeleteTensor>;
using OwnedStatus = std::unique_ptr<TF_Status, DeleteStatus>;

// Inputs, output and queue of one call. After a failure all else does nothing, and TensorFlow
// hears of it in the end.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}

  ~Call() {
    if (!ok()) TF_OpKernelContext_Failure(context_, status_.get());
  }

  bool ok() const { return TF_GetCode(status_.get()) == TF_OK; }

  void fail(const char* why) { TF_SetStatus(status_.get(), TF_INVALID_ARGUMENT, why); }

  OwnedTensor input(int index) {
    TF_Tensor* tensor = nullptr;
    if (ok()) TF_GetInput(context_, index, &tensor, status_.get());
    return OwnedTensor(tensor);
  }

  // Where the elements of a new output belong.
  template <typename T>
  T* output(const Shape& shape) {
    if (!ok()) return nullptr;
    OwnedTensor tensor(TF_AllocateOutput(
        context_, 0, TF_ExpectedOutputDataType(context_, 0), shape.data(),
        static_cast<int>(shape.size()), size_of(shape) * sizeof(T), status_.get()));
    return ok() ? static_cast<T*>(TF_TensorData(tensor.get())) : nullptr;
  }

  void enqueue(std::function<void()> work) {
    if (auto* found = queue()) found->add_kernel(std::move(work));
  }

  Queue* queue() {
    SP_Stream stream = ok() ? TF_GetStream(context_, status_.get()) : nullptr;
    return ok() ? &stream->queue : nullptr;
  }

 private:
  TF_OpKernelContext* context_;
  OwnedStatus status_;
};

Shape shape_of(const OwnedTensor& tensor) {
  Shape shape(TF_NumDims(tensor.get()));
  for (size_t axis = 0; axis < shape.size(); ++axis)
    shape[axis] = TF_Dim(tensor.get(), static_cast<int>(axis));
  return shape;
}

template <typename T>
const T* data_of(const OwnedTensor& tensor) {
  return static_cast<const T*>(TF_TensorData(tensor.get()));
}

// ---- elementwise -------------------------------------------------------------------------

float add(float a, float b) { return a + b; }
float subtract(float a, float b) { return a - b; }
float multiply(float a, float b) { return a * b; }

template <float (*operation)(float, float)>
void binary(void*, TF_OpKernelContext* context) {
  Call call(context);
  const auto first = call.input(0), second = call.input(1);
  if (!call.ok()) return;
  Shape shape;
  if (!broadcast(shape_of(first), shape_of(second), &shape))
    return call.fail("Incompatible shapes");
  const auto* a = data_of<float>(first);
  const auto* b = data_of<float>(second);
  auto* out = call.output<float>(shape);
  Offsets in_a(shape, broadcast_strides(shape_of(first), shape));
  Offsets in_b(shape, broadcast_strides(shape_of(second), shape));
  call.enqueue([=, size = size_of(shape)]() mutable {
    for (int64_t i = 0; i < size; ++i) out[i] = operation(a[in_a.next()], b[in_b.next()]);
  });
}

// Not std::max: what is not a number stays so.
float rectify(float x) { return x < 0 ? 0 : x; }

template <typename From, typename To>
To convert(From x) {
  return static_cast<To>(x);
}

template <typename From, typename To, To (*operation)(From)>
void unary(void*, TF_OpKernelContext* context) {
  Call call(context);
  const auto input = call.input(0);
  if (!call.ok()) return;
  const auto* from = data_of<From>(input);
  auto* to = call.output<To>(shape_of(input));
  call.enqueue([=, size = size_of(shape_of(input))] {
    std::transform(from, from + size, to, operation);
  });
}

// ---- with attributes ---------------------------------------------------------------------

// An attribute that the operation has when its kernel is made.
bool attribute(TF_OpKernelConstruction* construction, const char* name) {
  OwnedStatus status(TF_NewStatus());
  TF_Bool value = false;
  TF_OpKernelConstruction_GetAttrBool(construction, name, &value, status.get());
  if (TF_GetCode(status.get()) != TF_OK)
    TF_OpKernelConstruction_Failure(construction, status.get());
  return value;
}

template <typename Attributes>
void destroy(void* attributes) {
  delete static_cast<Attributes*>(attributes);
}

struct Transposed {
  bool first, second;
};

void* create_matmul(TF_OpKernelConstruction* construction) {
  return new Transposed{attribute(construction, "transpose_a"),
                        attribute(construction, "transpose_b")};
}

void matmul(void* attributes, TF_OpKernelContext* context) {
  const auto transposed = *static_cast<const Transposed*>(attributes);
  Call call(context);
  const auto first = call.input(0), second = call.input(1);
  if (!call.ok()) return;
  Shape left = shape_of(first), right = shape_of(second);
  if (left.size() != 2 || right.size() != 2) return call.fail("MatMul takes matrices");
  Shape left_strides = strides_of(left), right_strides = strides_of(right);
  if (transposed.first) std::swap(left[0], left[1]), std::swap(left_strides[0], left_strides[1]);
  if (transposed.second)
    std::swap(right[0], right[1]), std::swap(right_strides[0], right_strides[1]);
  if (left[1] != right[0]) return call.fail("Matrix size-incompatible");
  const auto* a = data_of<float>(first);
  const auto* b = data_of<float>(second);
  auto* out = call.output<float>({left[0], right[1]});
  call.enqueue([=] {
    for (int64_t row = 0; row < left[0]; ++row)
      for (int64_t column = 0; column < right[1]; ++column) {
        double sum = 0;
        for (int64_t i = 0; i < left[1]; ++i)
          sum += double{a[row * left_strides[0] + i * left_strides[1]]} *
                 b[i * right_strides[0] + column * right_strides[1]];
        out[row * right[1] + column] = static_cast<float>(sum);
      }
  });
}

struct Reduction {
  bool keeps_axes;
};

void* create_reduction(TF_OpKernelConstruction* construction) {
  return new Reduction{attribute(construction, "keep_dims")};
}

template <typename T>
std::vector<int64_t> integers(const OwnedTensor& tensor) {
  const auto* data = data_of<T>(tensor);
  return {data, data + TF_TensorElementCount(tensor.get())};
}

// Which axes an input in host memory names. Read now: who owns it may change it later.
bool axes_of(const OwnedTensor& indices, size_t rank, std::vector<bool>* reduced) {
  const bool is_long = TF_TensorType(indices.get()) == TF_INT64;
  reduced->assign(rank, false);
  for (int64_t axis : is_long ? integers<int64_t>(indices) : integers<int32_t>(indices)) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return false;
    (*reduced)[axis] = true;
  }
  return true;
}

template <bool is_mean>
void reduce(void* attributes, TF_OpKernelContext* context) {
  Call call(context);
  const auto input = call.input(0), indices = call.input(1);
  if (!call.ok()) return;
  const Shape shape = shape_of(input);
  std::vector<bool> reduced;
  if (!axes_of(indices, shape.size(), &reduced)) return call.fail("Invalid reduction dimension");

  Shape seen = shape, out_shape;  // the output with all axes, and as asked for
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (reduced[axis]) seen[axis] = 1;
    if (!reduced[axis] || static_cast<const Reduction*>(attributes)->keeps_axes)
      out_shape.push_back(seen[axis]);
  }
  const auto* from = data_of<float>(input);
  auto* out = call.output<float>(out_shape);
  Offsets in_out(shape, broadcast_strides(seen, shape));
  call.enqueue([=, size = size_of(shape)]() mutable {
    std::vector<double> sums(size_of(seen));
    for (int64_t i = 0; i < size; ++i) sums[in_out.next()] += from[i];
    const double count = is_mean ? double(size) / sums.size() : 1;
    for (double& sum : sums) *out++ = static_cast<float>(sum / count);
  });
}

// ---- the device itself -------------------------------------------------------------------

// What `tf.test.experimental.sync_devices` asks of each device. TensorFlow's own kernel for
// devices that it does not know does nothing; that for a GPU waits.
void synchronize(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (auto* queue = call.queue()) queue->drain();
}

// ---- registration ------------------------------------------------------------------------

using Create = void* (*)(TF_OpKernelConstruction*);
using Compute = void (*)(void*, TF_OpKernelContext*);
using Destroy = void (*)(void*);

class Kernel {
 public:
  Kernel(const char* operation, Compute compute, Create create = nullptr,
         Destroy destroy = nullptr)
      : name_(operation),
        builder_(TF_NewKernelBuilder(operation, "XPU", create, compute, destroy)),
        status_(TF_NewStatus()) {}

  Kernel& where(const char* attribute, TF_DataType type) {
    TF_KernelBuilder_TypeConstraint(builder_, attribute, type, status_.get());
    return *this;
  }

  Kernel& with_on_host(const char* argument) {
    TF_KernelBuilder_HostMemory(builder_, argument);
    return *this;
  }

  void add() {
    if (TF_GetCode(status_.get()) == TF_OK)
      TF_RegisterKernelBuilder(name_, builder_, status_.get());
    if (TF_GetCode(status_.get()) == TF_OK) return;
    std::fprintf(stderr, "XPU's %s: %s\n", name_, TF_Message(status_.get()));
    std::abort();
  }

 private:
  const char* name_;
  TF_KernelBuilder* builder_;
  OwnedStatus status_;
};

template <typename From, typename To>
void add_cast(TF_DataType from, TF_DataType to) {
  Kernel("Cast", unary<From, To, convert<From, To>>).where("SrcT", from).where("DstT", to).add();
}

}  // namespace
}  // namespace xpu

// TensorFlow has kernels of its own for int32, in host memory. A cast is what brings int32 into
// a device's, as on a GPU.
extern "C" void TF_InitKernel() {
  using namespace xpu;
  Kernel("SyncDevice", synchronize).add();
  Kernel("AddV2", binary<add>).where("T", TF_FLOAT).add();
  Kernel("Sub", binary<subtract>).where("T", TF_FLOAT).add();
  Kernel("Mul", binary<multiply>).where("T", TF_FLOAT).add();
  Kernel("Relu", unary<float, float, rectify>).where("T", TF_FLOAT).add();
  Kernel("MatMul", matmul, create_matmul, destroy<Transposed>).where("T", TF_FLOAT).add();
  for (const auto& [name, compute] : {std::pair{"Sum", reduce<false>}, {"Mean", reduce<true>}})
    Kernel(name, compute, create_reduction, destroy<Reduction>)
        .where("T", TF_FLOAT)
        .with_on_host("reduction_indices")
        .add();
  add_cast<float, double>(TF_FLOAT, TF_DOUBLE);
  add_cast<double, float>(TF_DOUBLE, TF_FLOAT);
  add_cast<float, int32_t>(TF_FLOAT, TF_INT32);
  add_cast<int32_t, float>(TF_INT32, TF_FLOAT);
  add_cast<float, int64_t>(TF_FLOAT, TF_INT64);
  add_cast<int64_t, float>(TF_INT64, TF_FLOAT);
  add_cast<double, int64_t>(TF_DOUBLE, TF_INT64);
  add_cast<int64_t, double>(TF_INT64, TF_DOUBLE);
}
