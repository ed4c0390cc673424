/**
 * What a query costs (shopify.md 4): scalar 0, object 1, mutation 10, connection by its `first`. `nodes` is one object
 * per id; other plain lists have no published price and are free, which gives the 10 to 11 points that stores show for
 * `inventorySetQuantities`. The 2 points of a connection itself are what stores show too.
 */
import {
  getArgumentValues, getNamedType, getNullableType, isAbstractType, isCompositeType, isListType, Kind,
} from 'graphql';
import type {
  DocumentNode, FieldNode, FragmentDefinitionNode, GraphQLCompositeType, GraphQLObjectType, GraphQLSchema, OperationDefinitionNode,
  SelectionSetNode,
} from 'graphql';

const mutationPoints = 10;
const connectionPoints = 2;

/** Points reserved before the run: the most that the query can ask for. */
export function requestedCost(
  schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Record<string, unknown>,
): number {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const mutation = operation.operation === 'mutation';
  const root = (mutation ? schema.getMutationType() : schema.getQueryType()) as GraphQLObjectType;
  return costOf(operation.selectionSet, root, true);

  function costOf(set: SelectionSetNode, type: GraphQLCompositeType, isRoot = false): number {
    let own = 0;
    let dearest = 0;
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        own += fieldCost(selection, type, isRoot);
        continue;
      }
      const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)! : selection;
      const on = fragment.typeCondition ? schema.getType(fragment.typeCondition.name.value) : type;
      const cost = costOf(fragment.selectionSet, on as GraphQLCompositeType);
      // Of an interface's types only one is met: the dearest counts.
      if (isAbstractType(type)) dearest = Math.max(dearest, cost);
      else own += cost;
    }
    return own + dearest;
  }

  function fieldCost(node: FieldNode, parent: GraphQLCompositeType, isRoot: boolean): number {
    if (!('getFields' in parent)) return 0;
    const field = parent.getFields()[node.name.value];
    const type = field && getNamedType(field.type);
    if (!field || !node.selectionSet || !isCompositeType(type)) return 0;
    if (isRoot && mutation) return mutationPoints + costOf(node.selectionSet, type);
    const args = getArgumentValues(field, node, variables);
    if (type.name.endsWith('Connection')) return connectionPoints + Number(args['first'] ?? 0) * nodeCost(node.selectionSet, type);
    const { ids } = args;
    if (isListType(getNullableType(field.type))) return Array.isArray(ids) ? ids.length * (1 + costOf(node.selectionSet, type)) : 0;
    return 1 + costOf(node.selectionSet, type);
  }

  /** One element, however it is selected: `nodes { ... }` or `edges { node { ... } }`. */
  function nodeCost(set: SelectionSetNode, type: GraphQLCompositeType): number {
    let dearest = 0;
    for (const selection of set.selections) {
      if (selection.kind !== Kind.FIELD || !selection.selectionSet || !('getFields' in type)) continue;
      const of = getNamedType(type.getFields()[selection.name.value]!.type) as GraphQLCompositeType;
      if (selection.name.value === 'nodes') dearest = Math.max(dearest, 1 + costOf(selection.selectionSet, of));
      if (selection.name.value === 'edges') dearest = Math.max(dearest, costOf(selection.selectionSet, of));
    }
    return dearest;
  }
}

/** Points used by an answer, never more than were reserved. */
export function actualCost(data: unknown, requested: number, mutation: boolean): number {
  const used = Object.values((data ?? {}) as Record<string, unknown>).flat().reduce<number>((sum, value) => sum + usedBy(value), 0);
  return Math.min(requested, mutation ? mutationPoints + Math.max(0, used - 1) : used);
}

function usedBy(value: unknown): number {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 0;
  const { nodes, edges, ...fields } = value as { nodes?: unknown[]; edges?: { node: unknown }[] };
  if (nodes || edges) {
    const elements = nodes ?? edges!.map(edge => edge.node);
    return connectionPoints + elements.reduce<number>((sum, element) => sum + usedBy(element), 0);
  }
  return 1 + Object.values(fields).reduce<number>((sum, field) => sum + usedBy(field), 0);
}
