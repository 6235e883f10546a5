package edge.desugar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.MethodNode;

/** One call site of a lambda as a class: its captured values are fields, its method calls the lambda's body. */
final class LambdaClass implements Opcodes {
    static final String FACTORY = "create";
    private static final int SERIALIZABLE = 1;
    private static final int MARKERS = 2;
    private static final int BRIDGES = 4;

    private final String name;
    private final String factoryType;
    private final String method;
    private final Type instantiated;
    private final Handle body;
    private final Type[] captured;
    private final Set<String> interfaces = new LinkedHashSet<>();
    private final Set<Type> erased = new LinkedHashSet<>();

    LambdaClass(String name, InvokeDynamicInsnNode site) {
        this.name = name;
        factoryType = site.desc;
        method = site.name;
        Object[] arguments = site.bsmArgs;
        erased.add((Type) arguments[0]);
        body = (Handle) arguments[1];
        instantiated = (Type) arguments[2];
        captured = Type.getArgumentTypes(site.desc);
        interfaces.add(Type.getReturnType(site.desc).getInternalName());
        if (!site.bsm.getName().equals("altMetafactory")) return;
        int next = 3;
        int flags = (Integer) arguments[next++];
        if ((flags & SERIALIZABLE) != 0) interfaces.add("java/io/Serializable");
        if ((flags & MARKERS) != 0) {
            for (int left = (Integer) arguments[next++]; left > 0; left--) {
                interfaces.add(((Type) arguments[next++]).getInternalName());
            }
        }
        if ((flags & BRIDGES) != 0) {
            for (int left = (Integer) arguments[next++]; left > 0; left--) erased.add((Type) arguments[next++]);
        }
    }

    /** Writes the class, and opens the lambda's body to it. */
    ClassNode made(Map<String, ClassNode> classes, ClassNode owner) {
        open(classes, owner);
        ClassNode node = new ClassNode();
        int access = ACC_FINAL | ACC_SUPER | ACC_SYNTHETIC;
        node.visit(V1_8, access, name, null, "java/lang/Object", interfaces.toArray(new String[0]));
        for (int index = 0; index < captured.length; index++) {
            node.visitField(ACC_PRIVATE | ACC_FINAL, "f" + index, captured[index].getDescriptor(), null, null);
        }
        constructor(node);
        factory(node);
        for (Type type : erased) implementation(node, type);
        return node;
    }

    private void open(Map<String, ClassNode> classes, ClassNode owner) {
        ClassNode target = classes.get(body.getOwner());
        if (target == null) return;
        boolean isInterface = (target.access & ACC_INTERFACE) != 0;
        for (MethodNode each : target.methods) {
            boolean isBody = each.name.equals(body.getName()) && each.desc.equals(body.getDesc());
            if (!isBody || (each.access & ACC_PRIVATE) == 0) continue;
            if (target != owner) throw new IllegalStateException(body + " is private in another class");
            boolean isVirtual = (each.access & ACC_STATIC) == 0 && !each.name.equals("<init>");
            each.access &= ~ACC_PRIVATE;
            if (isInterface) each.access |= ACC_PUBLIC;
            else if (isVirtual) each.access |= ACC_FINAL;
        }
    }

    private void constructor(ClassNode node) {
        String type = Type.getMethodDescriptor(Type.VOID_TYPE, captured);
        MethodVisitor code = node.visitMethod(ACC_PRIVATE, "<init>", type, null, null);
        code.visitCode();
        code.visitVarInsn(ALOAD, 0);
        code.visitMethodInsn(INVOKESPECIAL, "java/lang/Object", "<init>", "()V", false);
        int slot = 1;
        for (int index = 0; index < captured.length; index++) {
            code.visitVarInsn(ALOAD, 0);
            code.visitVarInsn(captured[index].getOpcode(ILOAD), slot);
            code.visitFieldInsn(PUTFIELD, name, "f" + index, captured[index].getDescriptor());
            slot += captured[index].getSize();
        }
        code.visitInsn(RETURN);
        code.visitMaxs(0, 0);
        code.visitEnd();
    }

    private void factory(ClassNode node) {
        MethodVisitor code = node.visitMethod(ACC_STATIC, FACTORY, factoryType, null, null);
        code.visitCode();
        code.visitTypeInsn(NEW, name);
        code.visitInsn(DUP);
        int slot = 0;
        for (Type each : captured) {
            code.visitVarInsn(each.getOpcode(ILOAD), slot);
            slot += each.getSize();
        }
        String type = Type.getMethodDescriptor(Type.VOID_TYPE, captured);
        code.visitMethodInsn(INVOKESPECIAL, name, "<init>", type, false);
        code.visitInsn(ARETURN);
        code.visitMaxs(0, 0);
        code.visitEnd();
    }

    private void implementation(ClassNode node, Type type) {
        int tag = body.getTag();
        boolean isConstructor = tag == H_NEWINVOKESPECIAL;
        MethodVisitor code = node.visitMethod(ACC_PUBLIC, method, type.getDescriptor(), null, null);
        code.visitCode();
        List<Type> taken = new ArrayList<>();
        if (tag == H_INVOKEVIRTUAL || tag == H_INVOKEINTERFACE || tag == H_INVOKESPECIAL) {
            taken.add(Type.getObjectType(body.getOwner()));
        }
        taken.addAll(Arrays.asList(Type.getArgumentTypes(body.getDesc())));
        if (isConstructor) {
            code.visitTypeInsn(NEW, body.getOwner());
            code.visitInsn(DUP);
        }
        for (int index = 0; index < captured.length; index++) {
            code.visitVarInsn(ALOAD, 0);
            code.visitFieldInsn(GETFIELD, name, "f" + index, captured[index].getDescriptor());
        }
        Type[] given = type.getArgumentTypes();
        Type[] exact = instantiated.getArgumentTypes();
        int slot = 1;
        for (int index = 0; index < given.length; index++) {
            code.visitVarInsn(given[index].getOpcode(ILOAD), slot);
            slot += given[index].getSize();
            Boxing.adapt(code, given[index], exact[index]);
            Boxing.adapt(code, exact[index], taken.get(captured.length + index));
        }
        int call = switch (tag) {
            case H_INVOKESTATIC -> INVOKESTATIC;
            case H_NEWINVOKESPECIAL -> INVOKESPECIAL;
            default -> body.isInterface() ? INVOKEINTERFACE : INVOKEVIRTUAL;
        };
        code.visitMethodInsn(call, body.getOwner(), body.getName(), body.getDesc(), body.isInterface());
        Type result = isConstructor ? Type.getObjectType(body.getOwner()) : Type.getReturnType(body.getDesc());
        giveBack(code, result, type.getReturnType());
        code.visitMaxs(0, 0);
        code.visitEnd();
    }

    private void giveBack(MethodVisitor code, Type result, Type wanted) {
        if (wanted.getSort() == Type.VOID) {
            if (result.getSize() == 1) code.visitInsn(POP);
            if (result.getSize() == 2) code.visitInsn(POP2);
        } else {
            Boxing.adapt(code, result, instantiated.getReturnType());
            Boxing.adapt(code, instantiated.getReturnType(), wanted);
        }
        code.visitInsn(wanted.getOpcode(IRETURN));
    }
}
