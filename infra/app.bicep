// The function app on Flex Consumption, with all its settings.
param location string
param tags object
param token string
param identityId string
param identityClientId string
param packageContainerUrl string
param blobEndpoint string
param queueEndpoint string
param tableEndpoint string
param applicationInsightsConnection string
param subnetId string
param maximumInstanceCount int
param instanceMemoryMB int
param flowSettings object
param dataverseUrl string
param finopsUrl string
param company string
param businessTimeZone string
param accountsSchedule string
param contactsSchedule string
param productsSchedule string
param quotationsSchedule string
param sweepSchedule string
param reconcileSchedule string
param cleanupSchedule string
param functionTimeout string

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-${token}'
  location: location
  // The name of the service in azure.yaml.
  tags: union(tags, { 'azd-service-name': 'sync' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.12'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
  }
}

// Each deployment replaces all settings: what is changed in the portal is lost.
resource settings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(flowSettings, {
    AzureWebJobsStorage__blobServiceUri: blobEndpoint
    AzureWebJobsStorage__queueServiceUri: queueEndpoint
    AzureWebJobsStorage__tableServiceUri: tableEndpoint
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    AZURE_CLIENT_ID: identityClientId
    APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnection
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    // As many as functions can run at once: docs/settings.md.
    PYTHON_THREADPOOL_THREAD_COUNT: '40'
    DATAVERSE_URL: dataverseUrl
    FINOPS_URL: finopsUrl
    COMPANY: company
    BUSINESS_TIME_ZONE: businessTimeZone
    // The host reads the schedules by itself and knows no defaults.
    ACCOUNTS_SCHEDULE: empty(accountsSchedule) ? '0 * * * * *' : accountsSchedule
    CONTACTS_SCHEDULE: empty(contactsSchedule) ? '0 * * * * *' : contactsSchedule
    PRODUCTS_SCHEDULE: empty(productsSchedule) ? '0 */15 * * * *' : productsSchedule
    QUOTATIONS_SCHEDULE: empty(quotationsSchedule) ? '0 * * * * *' : quotationsSchedule
    SWEEP_SCHEDULE: empty(sweepSchedule) ? '30 * * * * *' : sweepSchedule
    RECONCILE_SCHEDULE: empty(reconcileSchedule) ? '0 0 4 * * 0' : reconcileSchedule
    CLEANUP_SCHEDULE: empty(cleanupSchedule) ? '0 0 3 * * *' : cleanupSchedule
    // The host reads it, too, over host.json. A blank one would mean the host's own half hour there and five minutes in the
    // code, so that functions would outlive their claims.
    AzureFunctionsJobHost__functionTimeout: empty(functionTimeout) ? '00:05:00' : functionTimeout
  })
}

// azd deploys by Entra tokens; nobody publishes by a password.
resource publishingByFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource publishingByGit 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
